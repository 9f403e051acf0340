# Watches a LIS2MDL from the coprocessor of an ESP32-S3 (ULP-FSM) while the chip sleeps deeply.
#
# Every other run starts a single measurement, the run 11 ms later reads it: outputs beyond the threshold on any axis wake the chip. Then
# the sensor measures continuously at 50 Hz and what it sees is kept, 20 ms apart, until the firmware is there to look for itself.
# The last 32 looks are kept, too: what the field was before.
# Runs without news take the same time whatever was measured: no branch depends on data before the threshold is crossed.
#
# I2C by hand on two RTC pads with pull-up resistors: a line is low while its driver is enabled, its output latch is 0 for ever.
# Each run sets up its pads itself, so it does not matter whether the RTC domain kept them between two runs.
# `scl` and `sda` are the numbers of the pins; kerb/drivers/lis2mdl_ulp.py has its own words at `data`.

.set OUT_W1TC, 0x60008408       # ESP32-S3 TRM, RTC_IO: RTC_GPIO_OUT_W1TC_REG, pins from bit 10
.set ON, 0x60008410             # RTC_GPIO_ENABLE_W1TS_REG
.set OFF, 0x60008414            # RTC_GPIO_ENABLE_W1TC_REG
.set IN, 0x60008424             # RTC_GPIO_IN_REG
.set PAD, 0x60008484            # RTC_IO_TOUCH_PAD0_REG; a register a pin, up to 21
.set CLOCKS, 0x60008904         # SENS_SAR_PERI_CLK_GATE_CONF_REG
.set TIMER, 0x60008134          # RTC_CNTL_ULP_CP_TIMER_1_REG, cycles of the 136 kHz clock from bit 8

.text
entry:
    reg_wr CLOCKS, 31, 31, 1            # IOMUX_CLK_EN
    reg_wr OUT_W1TC, 10+scl, 10+scl, 1
    reg_wr OUT_W1TC, 10+sda, 10+sda, 1
    reg_wr OFF, 10+scl, 10+scl, 1
    reg_wr OFF, 10+sda, 10+sda, 1
    reg_wr PAD+4*scl, 20, 13, 0x41      # MUX_SEL, FUN_IE: the pad belongs to the RTC domain and can be read
    reg_wr PAD+4*sda, 20, 13, 0x41
    reg_wr TIMER, 15, 8, 0x00
    move r1, data
    move r0, 1
    st r0, r1, 0                        # busy
    ld r0, r1, 4                        # measuring
    and r0, r0, 1
    jump look, eq

    move r0, 0
    st r0, r1, 4
    reg_wr TIMER, 31, 24, 0x01          # 0x010A00: half a second
    reg_wr TIMER, 23, 16, 0x0A
    move r0, samples
    st r0, r1, 24                       # where sample() puts it
    move r3, compare
    jump sample

look:
    move r0, 1
    st r0, r1, 4
    reg_wr TIMER, 31, 24, 0x00          # 0x000600: 11 ms; a measurement takes 6.4
    reg_wr TIMER, 23, 16, 0x06
    move r2, 0x91                       # CFG_REG_A: temperature compensation, low power, single measurement
    move r3, done
    jump mode

compare:
    move r1, data
    ld r0, r1, 8                        # alive
    add r0, r0, 1
    st r0, r1, 8
    move r0, 0
    st r0, r1, 36                       # not deaf
    ld r0, r1, 8                        # the last 32 looks stay in `past`, this one at its number modulo 32
    and r0, r0, 31
    lsh r2, r0, 1
    add r2, r2, r0
    add r2, r2, past
    ld r0, r1, 40                       # the sample, just behind `data`
    st r0, r2, 0
    ld r0, r1, 44
    st r0, r2, 4
    ld r0, r1, 48
    st r0, r2, 8
    ld r3, r1, 12                       # threshold, counts
    ld r0, r1, 40
    add r2, r0, r3                      # -threshold..threshold becomes 0..2*threshold
    lsh r0, r3, 1
    sub r0, r0, r2
    jump trip, ov
    ld r0, r1, 44
    add r2, r0, r3
    lsh r0, r3, 1
    sub r0, r0, r2
    jump trip, ov
    ld r0, r1, 48
    add r2, r0, r3
    lsh r0, r3, 1
    sub r0, r0, r2
    jump trip, ov

done:
    move r1, data
    move r0, 0
    st r0, r1, 0
    halt

trip:
    wake
    move r1, data
    move r0, 0
    st r0, r1, 20                       # what was kept before is old
    move r2, 0x88                       # CFG_REG_A: temperature compensation, high resolution, 50 Hz
    move r3, record
    jump mode
record:
    stage_rst
pause:
    wait 58333                          # 3.33 ms at 17.5 MHz
    stage_inc 1
    jumps pause, 6, lt
    move r1, data
    ld r0, r1, 16                       # stop
    and r0, r0, 1
    jump keep, eq
    jump done
keep:
    ld r2, r1, 20                       # kept so far
    lsh r0, r2, 1
    add r0, r0, r2
    add r0, r0, samples
    st r0, r1, 24
    add r2, r2, 1
    st r2, r1, 20
    move r3, kept
    jump sample
kept:
    move r1, data
    ld r0, r1, 20
    sub r0, r0, 24
    jump record, ov                     # fewer than there is room for
    jump done

deaf:                                   # nobody acknowledged; after eight times in a row the firmware shall find out why
    reg_wr ON, 10+sda, 10+sda, 1
    reg_wr OFF, 10+scl, 10+scl, 1
    reg_wr OFF, 10+sda, 10+sda, 1
    move r1, data
    ld r0, r1, 36
    add r0, r0, 1
    st r0, r1, 36
    sub r0, r0, 8
    jump done, ov
    wake
    jump done

mode:                                   # writes r2 to CFG_REG_A and returns to r3
    move r1, data
    st r3, r1, 28
    st r2, r1, 32
    reg_wr ON, 10+sda, 10+sda, 1        # start
    reg_wr ON, 10+scl, 10+scl, 1
    move r2, 0x3C
    move r3, mode1
    jump write
mode1:
    move r2, 0x60
    move r3, mode2
    jump write
mode2:
    ld r2, r1, 32
    move r3, mode3
    jump write
mode3:
    ld r3, r1, 28
    jump stop

sample:                                 # reads OUTX to OUTZ to the three words at data[6] and returns to r3
    move r1, data
    st r3, r1, 28
    reg_wr ON, 10+sda, 10+sda, 1        # start
    reg_wr ON, 10+scl, 10+scl, 1
    move r2, 0x3C
    move r3, sample1
    jump write
sample1:
    move r2, 0x68
    move r3, sample2
    jump write
sample2:
    reg_wr OFF, 10+scl, 10+scl, 1       # start again; `write` left SDA high
    reg_wr ON, 10+sda, 10+sda, 1
    reg_wr ON, 10+scl, 10+scl, 1
    move r2, 0x3D
    move r3, sample3
    jump write
sample3:
    move r1, 1
    move r3, x1
    jump read
x1:
    move r3, x2
    jump read
x2:
    rsh r0, r2, 8                       # the low byte came first
    lsh r2, r2, 8
    or r2, r2, r0
    move r1, data
    ld r3, r1, 24
    st r2, r3, 0
    move r1, 1
    move r3, y1
    jump read
y1:
    move r3, y2
    jump read
y2:
    rsh r0, r2, 8
    lsh r2, r2, 8
    or r2, r2, r0
    move r1, data
    ld r3, r1, 24
    st r2, r3, 4
    move r1, 1
    move r3, z1
    jump read
z1:
    move r1, 0                          # the last byte is not acknowledged: the sensor must let go of SDA
    move r3, z2
    jump read
z2:
    rsh r0, r2, 8
    lsh r2, r2, 8
    or r2, r2, r0
    move r1, data
    ld r3, r1, 24
    st r2, r3, 8
    ld r3, r1, 28

stop:                                   # stop condition; returns to r3
    reg_wr ON, 10+sda, 10+sda, 1
    reg_wr OFF, 10+scl, 10+scl, 1
    reg_wr OFF, 10+sda, 10+sda, 1
    jump r3

write:                                  # the low byte of r2, most significant bit first; returns to r3 when acknowledged
    stage_rst
write1:
    and r0, r2, 0x80
    jump write0, eq
    reg_wr OFF, 10+sda, 10+sda, 1
    jump clock
write0:
    reg_wr ON, 10+sda, 10+sda, 1
clock:
    reg_wr OFF, 10+scl, 10+scl, 1
    lsh r2, r2, 1
    reg_wr ON, 10+scl, 10+scl, 1
    stage_inc 1
    jumps write1, 8, lt
    reg_wr OFF, 10+sda, 10+sda, 1
    reg_wr OFF, 10+scl, 10+scl, 1
    nop
    reg_rd IN, 10+sda, 10+sda
    reg_wr ON, 10+scl, 10+scl, 1
    and r0, r0, 1
    jump r3, eq
    jump deaf

read:                                   # a byte into the low end of r2; r1 = 1 acknowledges it; returns to r3
    stage_rst
read1:
    reg_wr OFF, 10+scl, 10+scl, 1
    lsh r2, r2, 1
    reg_rd IN, 10+sda, 10+sda
    or r2, r2, r0
    reg_wr ON, 10+scl, 10+scl, 1
    stage_inc 1
    jumps read1, 8, lt
    and r1, r1, 1
    jump last, eq
    reg_wr ON, 10+sda, 10+sda, 1
last:
    reg_wr OFF, 10+scl, 10+scl, 1
    nop
    reg_wr ON, 10+scl, 10+scl, 1
    reg_wr OFF, 10+sda, 10+sda, 1
    jump r3

.bss
# 0 busy, 1 measuring, 2 alive, 3 threshold, 4 stop, 5 kept, 6 where the next sample goes, 7 and 8 kept by subroutines, 9 times deaf in a row
data: .space 40
samples: .space 288                     # 24 times x, y, z
past: .space 384                        # 32 times x, y, z
