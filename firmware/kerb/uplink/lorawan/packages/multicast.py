"""Remote multicast set-up (TS005-1.0.0 and 2.0.0, port 200): its commands, and the keys of a group.

Keys and EUIs are 16 and 8 bytes, addresses integers. GenAppKey must be a key of its own, never the AppKey.
"""

from micropython import const

from kerb.uplink.lorawan.crypto import block

PORT = const(200)

_SESSION_ANS = "mc_group_id:2 dr_error:1 freq_error:1 mc_group_undefined:1 start_missed:1 -:2 time_to_start:24?"

DOWN = {
    0: ("PackageVersionReq", ""),
    1: ("McGroupStatusReq", "req_group_mask:4 -:4"),
    2: ("McGroupSetupReq", "mc_group_id:2 -:6 mc_addr:32 mc_key_encrypted:128x min_mc_fcnt:32 max_mc_fcnt:32"),
    3: ("McGroupDeleteReq", "mc_group_id:2 -:6"),
    4: ("McClassCSessionReq", "mc_group_id:2 -:6 session_time:32 timeout_exp:4 -:4 dl_frequency_hz:24h dr:8"),
    5: ("McClassBSessionReq", "mc_group_id:2 -:6 session_time:32 timeout_exp:4 periodicity:3 -:1 dl_frequency_hz:24h dr:8"),
}
UP = {
    0: ("PackageVersionAns", "package_identifier:8 package_version:8"),
    1: ("McGroupStatusAns", "ans_group_mask:4 nb_total_groups:3 -:1 items:*"),
    2: ("McGroupSetupAns", "mc_group_id:2 id_error:1 -:5"),
    3: ("McGroupDeleteAns", "mc_group_id:2 mc_group_undefined:1 -:5"),
    4: ("McClassCSessionAns", _SESSION_ANS),
    5: ("McClassBSessionAns", _SESSION_ANS),
}
STATUS_ITEM = "mc_group_id:8 mc_addr:32"  # one of the items of McGroupStatusAns


def root_key(key, lorawan_1_1=False):
    """McRootKey, from GenAppKey (LoRaWAN 1.0.x) or from AppKey (1.1)."""
    return bytes(block(key, bytes([0x20 if lorawan_1_1 else 0]) + bytes(15)))


def ke_key(mc_root_key):
    """McKEKey, under which group keys travel."""
    return bytes(block(mc_root_key, bytes(16)))


def group_key(mc_ke_key, encrypted):
    """McKey from the McKeyEncrypted of McGroupSetupReq: the network used AES decryption, so the device encrypts."""
    return bytes(block(mc_ke_key, encrypted))


def session_keys(mc_key, mc_addr):
    """(McNwkSKey, McAppSKey) of a group."""
    tail = mc_addr.to_bytes(4, "little") + bytes(11)
    return bytes(block(mc_key, b"\x02" + tail)), bytes(block(mc_key, b"\x01" + tail))
