"""The envelope around sealed bytes: a data key of its own for each, wrapped by the present key-encryption key.

    1 byte version | 8 bytes id of the KEK | 12 nonce | 48 data key, wrapped | 12 nonce | ciphertext and tag

Both layers authenticate what the bytes are, whose, under which id and in which version: an envelope opens in its own place only. Changing
the key-encryption key wraps the data key anew and leaves the ciphertext as it is.
"""

import os

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tidegate.adapters.sealing.keys import Kek, Keyring
from tidegate.ports import Unsealable

_VERSION = b"\x01"
_ID = slice(1, 9)
_WRAP_NONCE = slice(9, 21)
_WRAPPED = slice(21, 69)
_NONCE = slice(69, 81)
_BODY = 81
_TAG = 16
_NONCE_BYTES = 12
_DEK_BITS = 256


class EnvelopeSealer:
    """Implements `ports.Sealer`."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    @property
    def kek_id(self) -> str:
        return self._keyring.current.id

    def seal(self, purpose: str, tenant: str, id: str, plaintext: bytes, *, version: int = 1) -> bytes:
        about = _about(purpose, tenant, id, version)
        dek = AESGCM.generate_key(bit_length=_DEK_BITS)
        nonce = os.urandom(_NONCE_BYTES)
        return _wrap(self._keyring.current, dek, about) + nonce + AESGCM(dek).encrypt(nonce, plaintext, about)

    def open(self, purpose: str, tenant: str, id: str, sealed: bytes, *, version: int = 1) -> bytes:
        about = _about(purpose, tenant, id, version)
        dek = self._unwrap(sealed, about)
        try:
            return AESGCM(dek).decrypt(sealed[_NONCE], sealed[_BODY:], about)
        except InvalidTag:
            raise Unsealable("the sealed bytes were changed, or belong to another place") from None

    def rewrap(self, purpose: str, tenant: str, id: str, sealed: bytes, *, version: int = 1) -> bytes:
        about = _about(purpose, tenant, id, version)
        if kek_id_of(sealed) == self.kek_id:
            return sealed
        return _wrap(self._keyring.current, self._unwrap(sealed, about), about) + sealed[_NONCE] + sealed[_BODY:]

    def _unwrap(self, sealed: bytes, about: bytes) -> bytes:
        id = kek_id_of(sealed)
        key = self._keyring.find(id)
        if key is None:
            raise Unsealable(f"the key {id} that these bytes are sealed with is not there")
        try:
            return AESGCM(key.key).decrypt(sealed[_WRAP_NONCE], sealed[_WRAPPED], _VERSION + sealed[_ID] + about)
        except InvalidTag:
            raise Unsealable("the sealed bytes were changed, or belong to another place") from None


def kek_id_of(sealed: bytes) -> str:
    """Raises `Unsealable` for bytes that are no envelope."""
    if len(sealed) < _BODY + _TAG or sealed[:1] != _VERSION:
        raise Unsealable("these bytes are no envelope")
    return sealed[_ID].hex()


def _wrap(key: Kek, dek: bytes, about: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    id = bytes.fromhex(key.id)
    return _VERSION + id + nonce + AESGCM(key.key).encrypt(nonce, dek, _VERSION + id + about)


def _about(purpose: str, tenant: str, id: str, version: int) -> bytes:
    """JSON keeps the parts apart: no two places have the same bytes."""
    return msgspec.json.encode((tenant, id, version, purpose))
