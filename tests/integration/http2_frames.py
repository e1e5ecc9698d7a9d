"""HTTP/2 as far as an attacker needs it: frames, requests in HPACK without its dynamic table, and a TLS connection."""
import socket
import ssl
import struct

DATA, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 8, 9
END_STREAM, END_HEADERS = 1, 4
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def hpack_integer(value, prefix_bits, first=0):
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes([first | value])
    out, value = [first | most], value - most
    while value >= 128:
        out.append(value % 128 + 128)
        value //= 128
    return bytes(out + [value])


def hpack_text(text):
    return hpack_integer(len(text), 7) + text.encode()


def hpack_request(target, verb="GET", path=None, more=()):
    """Nothing enters the dynamic table, so that the block may be sent again and again."""
    block = bytes([{"GET": 0x82, "POST": 0x83}[verb], 0x87]) + b"\x04" + hpack_text(path or target.path) + b"\x01" + hpack_text("localhost")
    block += hpack_integer(23, 4) + hpack_text(f"Bearer {target.token}")
    for name, value in more:
        block += b"\x00" + hpack_text(name) + hpack_text(value)
    return block


TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
TLS.check_hostname = False
TLS.verify_mode = ssl.CERT_NONE
TLS.set_alpn_protocols(["h2"])


def secured(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return TLS.wrap_socket(connection)
