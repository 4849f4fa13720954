"""Debian's python3-websockets, as backend and as client. Usage: peer.py server PORT | peer.py client PORT"""
import asyncio
import os
import sys

import websockets


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


async def talk(port, compression):
    url = f"ws://127.0.0.1:{port}/python"
    async with websockets.connect(url, compression=compression, subprotocols=["echo"], max_size=2**24) as socket:
        assert socket.subprotocol == "echo", socket.subprotocol
        for message in ["", "gr\u00fc\u00dfe \U0001f6a2", b"", os.urandom(65_537), "x" * 1_000_000]:
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
        assert (socket.close_code, socket.close_reason) == (4000, "bye"), (socket.close_code, socket.close_reason)


async def client(port):
    for compression in (None, "deflate"):
        await talk(port, compression)
    print("OK", flush=True)


asyncio.run((serve if sys.argv[1] == "server" else client)(int(sys.argv[2])))
