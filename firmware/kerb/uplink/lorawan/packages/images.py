"""Firmware management (TS006-1.0.0, port 203): its commands."""

from micropython import const

PORT = const(203)

DOWN = {
    0: ("PackageVersionReq", ""),
    1: ("DevVersionReq", ""),
    2: ("DevRebootTimeReq", "reboot_time:32"),
    3: ("DevRebootCountdownReq", "countdown:24"),
    4: ("DevUpgradeImageReq", ""),
    5: ("DevDeleteImageReq", "firmware_to_delete_version:32"),
}
UP = {
    0: ("PackageVersionAns", "package_identifier:8 package_version:8"),
    1: ("DevVersionAns", "fw_version:32 hw_version:32"),
    2: ("DevRebootTimeAns", "reboot_time:32"),
    3: ("DevRebootCountdownAns", "countdown:24"),
    4: ("DevUpgradeImageAns", "up_image_status:2 -:6 next_version:32?"),
    5: ("DevDeleteImageAns", "no_valid_image:1 invalid_version:1 -:6"),
}
