// Builds LoRaWAN data frames with lora-packet, and reads ours with it. One JSON object a line in, one a line out.
"use strict";
const { fromFields, fromWire, verifyMIC, decrypt } = require("lora-packet");
const lines = require("fs").readFileSync(0, "utf8").trim().split("\n");

function counterHigh(row) {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(row.fcnt >>> 16);
  return bytes;
}

function build(row, keys) {
  const type = (row.confirmed ? "Confirmed" : "Unconfirmed") + " Data " + (row.up ? "Up" : "Down");
  const address = Buffer.alloc(4);
  address.writeUInt32BE(row.address);
  const fields = {
    MType: type,
    DevAddr: address,
    FCtrl: { ADR: row.adr, ACK: row.ack, ADRACKReq: false, FPending: row.pending },
    FCnt: row.fcnt & 0xffff,
    FPort: row.port,
    FOpts: Buffer.from(row.fopts, "hex"),
    payload: Buffer.from(row.payload, "hex")
  };
  return fromFields(fields, keys[1], keys[0], undefined, counterHigh(row)).getPHYPayload().toString("hex");
}

function read(row, keys) {
  const packet = fromWire(Buffer.from(row.phy, "hex"));
  const high = counterHigh(row);
  return {
    genuine: verifyMIC(packet, keys[0], undefined, high),
    up: packet.getDir() === "up",
    confirmed: packet.isConfirmed(),
    address: packet.DevAddr.readUInt32BE(),
    adr: packet.getFCtrlADR(),
    ack: packet.getFCtrlACK(),
    pending: packet.getFCtrlFPending(),
    fcnt16: packet.getFCnt(),
    port: packet.getFPort(),
    fopts: packet.FOpts.toString("hex"),
    payload: decrypt(packet, keys[1], keys[0], high).toString("hex")
  };
}

const out = lines.map(function (line) {
  const row = JSON.parse(line);
  const keys = row.keys.map(function (key) { return Buffer.from(key, "hex"); });
  return JSON.stringify(row.phy ? read(row, keys) : { phy: build(row, keys) });
});
process.stdout.write(out.join("\n") + "\n");
