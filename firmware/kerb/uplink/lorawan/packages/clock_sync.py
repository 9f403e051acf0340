"""Application layer clock synchronisation (TS003-2.0.0, port 202; version 1 has the same bytes)."""

from micropython import const

PORT = const(202)
VERSION = (1, 2)  # package identifier, version

_APP_TIME = const(1)
_PERIOD = const(2)
_RESYNC = const(3)

DOWN = {
    0: ("PackageVersionReq", ""),
    _APP_TIME: ("AppTimeAns", "time_correction:32s token:4 -:4"),
    _PERIOD: ("DeviceAppTimePeriodicityReq", "period:4 -:4"),
    _RESYNC: ("ForceDeviceResyncReq", "nb_transmissions:3 -:5"),
}
UP = {
    0: ("PackageVersionAns", "package_identifier:8 package_version:8"),
    _APP_TIME: ("AppTimeReq", "device_time:32 token:4 ans_required:1 -:3"),
    _PERIOD: ("DeviceAppTimePeriodicityAns", "not_supported:1 -:7 time:32"),
}


def period_s(code):
    """Seconds between two requests for a period code 0..15; the device adds up to 30 s either way by chance (section 4.3)."""
    return 128 << code
