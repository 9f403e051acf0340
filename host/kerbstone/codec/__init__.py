"""The message codec: channel catalogue, profiles, encoder, decoder and what is generated from them."""

from kerbstone.codec.batch import decode_uplink, split
from kerbstone.codec.decode import Decoded, decode, decode_any
from kerbstone.codec.encode import encode
from kerbstone.codec.layout import Quality, Trust
from kerbstone.codec.model import Profile
from kerbstone.codec.profile import compile_profile, load_profile, profile_names

__all__ = [
    "Decoded", "Profile", "Quality", "Trust", "compile_profile", "decode", "decode_any", "decode_uplink", "encode", "load_profile",
    "profile_names", "split",
]  # fmt: skip
