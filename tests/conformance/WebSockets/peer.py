"""Debian's python3-websockets, as backend and as client.

Usage: peer.py server PORT | peer.py client PORT | peer.py codec PORT | peer.py hub PORT

client: a Proxy listener in front of `server`; codec: `bench echo --websocket --reactor`; hub: a Hub with compression.
"""
import asyncio
import json
import os
import sys

import websockets
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory as Deflate


async def echo(socket, path):
    try:
        async for message in socket:
            await socket.send(message)
    except websockets.ConnectionClosed:
        pass


async def serve(port):
    async with websockets.serve(echo, "127.0.0.1", port, max_size=2**24, subprotocols=["echo"], ping_interval=None):
        print("READY", flush=True)
        await asyncio.Future()


async def talk(port, largest, **options):
    url = f"ws://127.0.0.1:{port}/python"
    async with websockets.connect(url, subprotocols=["echo"], max_size=2**24, **options) as socket:
        assert socket.subprotocol == "echo", socket.subprotocol
        for message in ["", "gr\u00fc\u00dfe \U0001f6a2", b"", os.urandom(largest // 15), "x" * largest, "x" * largest]:
            await socket.send(message)
            assert await socket.recv() == message
        # One message in fragments, with a ping among them.
        async def parts():
            yield "one "
            await (await socket.ping(b"mid"))
            yield "two"

        await socket.send(parts())
        assert await socket.recv() == "one two"
        await socket.close(4000, "bye")
        assert (socket.close_code, socket.close_reason) == (4000, "" if largest < 100_000 else "bye"), (socket.close_code, socket.close_reason)


async def client(port):
    for compression in (None, "deflate"):
        await talk(port, 1_000_000, compression=compression)
    print("OK", flush=True)


OFFERS = [
    [],
    [Deflate()],
    [Deflate(server_no_context_takeover=True, client_no_context_takeover=True)],
    [Deflate(server_max_window_bits=9, client_max_window_bits=12)],
    [Deflate(server_max_window_bits=8), Deflate(client_max_window_bits=None)],
]


async def codec(port):
    for offers in OFFERS:
        await talk(port, 65_536, compression=None, extensions=offers)
    print("OK", flush=True)


async def hub(port):
    url = f"ws://127.0.0.1:{port}/connection/websocket"
    sockets = []
    for offers in OFFERS:
        socket = await websockets.connect(url, subprotocols=["centrifuge-json"], compression=None, extensions=offers)
        assert len(socket.extensions) == (1 if offers else 0), socket.extensions
        sockets.append(socket)
        await socket.send(json.dumps({"id": 1, "connect": {}}))
        assert "connect" in json.loads(await socket.recv())
        await socket.send(json.dumps({"id": 2, "subscribe": {"channel": "free:room"}}))
        assert "subscribe" in json.loads(await socket.recv())
    for number, sender in enumerate(sockets):
        data = {"text": f"gr\u00fc\u00dfe {number} \U0001f6a2 " * 1000}
        await sender.send(json.dumps({"id": 3, "publish": {"channel": "free:room", "data": data}}))
        got = []
        for socket in sockets:
            # The sender has its reply as well, before or after.
            messages = [await asyncio.wait_for(socket.recv(), 30) for _ in range(2 if socket is sender else 1)]
            pushes = [message for message in messages if "push" in json.loads(message)]
            assert len(pushes) == 1, messages
            got += pushes
        assert len(set(got)) == 1, "everybody gets the same text"
        assert json.loads(got[0])["push"]["pub"]["data"] == data
    for socket in sockets:
        await socket.close()
    print("OK", flush=True)


roles = {"server": serve, "client": client, "codec": codec, "hub": hub}
asyncio.run(roles[sys.argv[1]](int(sys.argv[2])))
