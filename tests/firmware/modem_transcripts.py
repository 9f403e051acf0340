"""Answers of modems as their manuals and logs of the field print them: seeds of the fuzz test. Run by MicroPython.

(what is asked, options of At.ask, the answer). Sources: SIM7070/7080/7090 AT V1.05, TCPUDP V1.03; SIM7020 AT V1.05; BC660K-GL AT V1.3 and
logs of a BC660K-GL; BG95&BG77&BG600L AT V2.0, TCP/IP V1.1; SARA-R4 UBX-17003787, SARA-R5 UBX-20009652 and UBX-20032566.
"""

from kerb.modem import cells

READ = {"prefix": "+CEREG:", "accept": cells.is_read}
TRANSCRIPTS = (
    ("+CEREG?", READ, b'AT+CEREG?\r\r\n+CEREG: 4,1,"5B57","195071B",9,,,"00000000","01100000"\r\n\r\nOK\r\n'),
    ("+CEREG?", READ, b'\r\n+CEREG: 1,"5B57","01A50B1A",9,"00",,,"00000001","11100000"\r\n\r\n+CEREG: 4,1,"5B57","01A50B1A",9,"00",,,'
                      b'"11100000","11100000"\r\n\r\nOK\r\n'),
    ("+CEREG?", READ, b'\r\n+CEREG: 4,5,"0001","0000ABCD",9,,,"00100011","00101010"\r\n\r\nOK\r\n'),
    ("+CEREG?", READ, b'\r\n+CEREG: 4,1,"1","0","1",7,,,"00100010","10111110"\r\n\r\nOK\r\n'),
    ("+CEREG?", READ, b"\r\n+CEREG: 4,4\r\n\r\nOK\r\n"),
    ("+CNACT=0,1", {"want": "+APP PDP: 0,"}, b"\r\nOK\r\n\r\n+APP PDP: 0,ACTIVE\r\n"),
    ("+CAOPEN=0", {"want": "+CAOPEN: 0,"}, b"\r\n+CAOPEN: 0,0\r\n\r\nOK\r\n"),
    ("+QIOPEN=0", {"want": "+QIOPEN: 0,"}, b"\r\nOK\r\n\r\n+QIOPEN: 0,0\r\n"),
    ("+CASEND=0,5", {"payload": b"hello"}, b"\r\n> \r\nOK\r\n\r\n+CADATAIND: 0\r\n"),
    ("+USOST=0", {"payload": b"hello", "prompt": "@", "settle_ms": 50, "prefix": "+USOST:"}, b"\r\n@\r\n+USOST: 0,5\r\n\r\nOK\r\n"),
    ("+CARECV=0,9", {"prefix": "+CARECV:", "count": ","}, b"\r\n+CARECV: 13,\x62\x44\x12\x34\x12\x34\xff\r\nOK\r\n\r\n\r\nOK\r\n"),
    ("+QIRD=0,9", {"prefix": "+QIRD:", "count": "\n"}, b"\r\n+QIRD: 6\r\n\x62\x44\x12\x34\r\n\r\n\r\nOK\r\n"),
    ("+USORF=0,9", {"prefix": "+USORF:"}, b'\r\n+USORF: 0,"1.2.3.4",5683,6,"624412341234"\r\n\r\nOK\r\n\r\n+UUSORD: 0,9\r\n'),
    ("+CSOSEND", {}, b"\r\nOK\r\n\r\n+CSONMI: 0,10,68656C6C6F\r\n\r\n+CSOERR: 0,-1\r\n"),
    ("+QISEND=0", {"want": "SEND OK"}, b'\r\nOK\r\n\r\nSEND OK\r\n\r\n+QIURC: "recv",0,5,"68656C6C6F"\r\n'),
    ("+QISENDEX", {"ok": "SEND OK"}, b'\r\nSEND OK\r\n\r\n+QIURC: "recv",0\r\n\r\n+QIURC: "closed",0\r\n\r\n+QIURC: "pdpdeact",1\r\n'),
    ("+CCLK?", {"prefix": "+CCLK:"}, b'\r\n+CCLK: "21/05/26,13:37:37+32"\r\n\r\nOK\r\n'),
    ("+QLTS=1", {"prefix": "+QLTS:"}, b'\r\n+QLTS: "2020/06/02,01:48:36+32,0"\r\n\r\nOK\r\n'),
    ("+CPSI?", {"prefix": "+CPSI:"},
     b"\r\n+CPSI: LTE NB-IOT,Online,460-11,0x5AE1,187212754,82,EUTRAN-BAND5,2506,0,0,-7,-115,-110,13\r\n\r\nOK\r\n"),
    ("+QENG=0", {"prefix": "+QENG: 0"}, b'\r\n+QENG: 0,1694,12,284,"022FE6CF",-92,-5,-87,10,3,"33C2",0,14,2\r\n\r\nOK\r\n'),
    ("+QCSQ", {"prefix": "+QCSQ:"}, b'\r\n+QCSQ: "NOSERVICE"\r\n\r\nOK\r\n'),
    ("+UCGED?", {"prefix": "+RSRP:"}, b'\r\n+RSRP: 162,5110,"-075.00",\r\n+RSRQ: 162,5110,"-14.20",\r\n\r\nOK\r\n'),
    ("+CPOWD=1", {"want": "NORMAL POWER DOWN"}, b"\r\nNORMAL POWER DOWN\r\n"),
    ("+CSQ", {"prefix": "+CSQ:"},
     b'\r\n+CSQ: 31,99\r\n\r\nOK\r\n\r\n*PSUTTZ: 24/04/11,03:19:19","+32",0\r\n\r\n+CPSMSTATUS: "ENTER PSM"\r\n'),
    ("+QIOPEN=0", {"want": "+QIOPEN: 0,"}, b"\r\nRDY\r\n\r\n+CFUN: 1\r\n\r\n+CPIN: READY\r\n\r\n+CME ERROR: 50\r\n"),
    ("+UMQTTC=6", {"prefix": "+UMQTTC:"}, b'\r\n+UMQTTC: 6,0,8,3,"cmd",5,"hello"\r\n\r\nOK\r\n\r\n+UUPSMR: 1\r\n'),
)  # fmt: skip
