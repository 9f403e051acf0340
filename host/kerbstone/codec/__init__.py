"""The message codec: channel catalogue, profiles, encoder, decoder and what is generated from them."""

from kerbstone.codec.decode import Decoded, decode, decode_any
from kerbstone.codec.encode import encode
from kerbstone.codec.layout import Quality, Trust
from kerbstone.codec.model import Profile
from kerbstone.codec.profile import compile_profile, load_profile, profile_names

__all__ = ["Decoded", "Profile", "Quality", "Trust", "compile_profile", "decode", "decode_any", "encode", "load_profile", "profile_names"]
