#!/usr/bin/python3
"""A real SMTP server (aiosmtpd, Debian's python3-aiosmtpd) for the tests, as a process of its own.

  smtp_sink.py --dir DIR [--port N] [--tls none|starttls|implicit] [--cert FILE --key FILE] [--user NAME --password TEXT] [--hold FILE]

Prints {"event": "listening", "port": N} and then one JSON line per event: connect, starttls, login (ok or not), mail, refused. Each mail taken
becomes DIR/<n>.eml (the bytes as they came) and DIR/<n>.json (envelope). Recipients refuse5@… and refuse4@… get 550 and 451. With --hold the answer to
a mail waits until FILE is there. With --tls, mail before encryption is refused; with --user, mail before a login.
"""
import argparse
import asyncio
import json
import os
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


def say(event, **fields):
    print(json.dumps(dict(fields, event=event)), flush=True)


class Handler:
    def __init__(self, arguments):
        self.dir = pathlib.Path(arguments.dir)
        self.hold = arguments.hold
        self.count = len(list(self.dir.glob("*.eml")))

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        for name, answer in (("refuse5@", "550 no such mailbox"), ("refuse4@", "451 later, please")):
            if address.startswith(name):
                say("refused", to=address, answer=answer[:3])
                return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.count += 1
        name = self.dir / f"{self.count:04d}"
        note = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None or server.transport.get_extra_info("ssl_object") is not None,
                "login": session.authenticated, "helo": session.host_name}
        for ending, data in ((".eml", envelope.original_content), (".json", json.dumps(note).encode())):
            part = name.with_suffix(".part")
            part.write_bytes(data)
            os.rename(part, name.with_suffix(ending))
        say("mail", file=str(name.with_suffix(".eml")), **note)
        while self.hold and not os.path.exists(self.hold):
            await asyncio.sleep(0.01)
        return "250 taken"


class Server(SMTP):
    def connection_made(self, transport):
        secure = transport.get_extra_info("ssl_object") is not None
        say("starttls" if secure and self.tls_context and self.session else "connect", tls=secure)
        super().connection_made(transport)


async def serve(arguments):
    handler = Handler(arguments)
    context = None
    if arguments.tls != "none":
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(arguments.cert, arguments.key)

    def login(server, session, envelope, mechanism, data):
        ok = isinstance(data, LoginPassword) and data.login == arguments.user.encode() and data.password == arguments.password.encode()
        say("login", ok=ok, mechanism=mechanism)
        return AuthResult(success=ok, handled=False)  # not handled: the server says 535

    options = {"hostname": "sink.example.com", "data_size_limit": 1 << 20}
    if arguments.tls == "starttls":
        options.update(tls_context=context, require_starttls=True)
    if arguments.user:
        options.update(authenticator=login, auth_required=True, auth_require_tls=arguments.tls == "starttls")
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Server(handler, **options), "127.0.0.1", arguments.port,
                                      ssl=context if arguments.tls == "implicit" else None)
    say("listening", port=server.sockets[0].getsockname()[1])
    await server.serve_forever()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--dir", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--tls", choices=("none", "starttls", "implicit"), default="none")
    parser.add_argument("--cert")
    parser.add_argument("--key")
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--hold")
    try:
        asyncio.run(serve(parser.parse_args()))
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
