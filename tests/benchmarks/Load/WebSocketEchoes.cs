using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Mooring.Benchmarks.Sockets;

namespace Mooring.Benchmarks.Load;

/// <summary>WebSocket messages that no two are alike, and the check that exactly they come back, each once and in order. Any number may be under way.</summary>
/// <remarks>
/// Plain ones come back as they are. On a Hub each is published to the connection's own channel, and is back when both the reply and the publication are, the
/// latter with the offset after the last one's. Nothing is allocated per message where a read brings whole frames. Used by one thread.
/// </remarks>
internal sealed unsafe class WebSocketEchoes : Echoes
{
    private readonly Clients _clients;
    private readonly bool _hub;
    private readonly int _messageBytes;
    private readonly byte[] _payload;
    private readonly byte[] _command;
    private readonly byte[] _frame;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private readonly long[] _sent;
    private readonly long[] _replied;
    private readonly long[] _received;
    private readonly byte[]?[] _rest;
    private readonly byte[][] _channels;

    public WebSocketEchoes(Clients clients, LoadWebSocket kind, int messageBytes)
    {
        (_clients, _hub, _messageBytes) = (clients, kind == LoadWebSocket.Hub, messageBytes);
        _payload = new byte[messageBytes];
        _command = new byte[messageBytes + 256];
        _frame = new byte[WebSocketFrames.MaxHead + _command.Length];
        _sent = new long[clients.Count];
        _replied = new long[clients.Count];
        _received = new long[clients.Count];
        _rest = new byte[clients.Count][];
        _channels = _hub ? [.. Enumerable.Range(0, clients.Count).Select(index => Encoding.ASCII.GetBytes(clients.Channel(index)))] : [];
    }

    /// <summary>Messages that were sent on a connection.</summary>
    public long Sent(int index) => _sent[index];

    /// <summary>How many of them are back.</summary>
    public long Received(int index) => Math.Min(_received[index], _hub ? _replied[index] : long.MaxValue);

    public override void Send(int index)
    {
        var number = ++_sent[index];
        Compose(index, number);
        var key = (uint)(number * 0x9E37_79B1) | 0x0101_0101;
        var length = _hub
            ? WebSocketFrames.Write(_frame, WebSocketFrames.Text, Command(index, number), key)
            : WebSocketFrames.Write(_frame, WebSocketFrames.Binary, _payload, key);
        fixed (byte* bytes = _frame)
        {
            var taken = _clients.Send(index, bytes, length);
            if (taken != length)
            {
                throw taken < 0
                    ? new LoadFailedException(new SocketFailureException($"send on connection {index}").Message)
                    : new LoadFailedException($"connection {index} took {taken} of {length} bytes");
            }
        }
    }

    public override bool Receive(int index) => TryReceive(index) && Received(index) == _sent[index];

    /// <summary>Reads what has come. True when anything has.</summary>
    public bool TryReceive(int index)
    {
        nint count;
        fixed (byte* buffer = _buffer)
        {
            count = _clients.Receive(index, buffer, _buffer.Length);
        }

        if (count <= 0)
        {
            return count < 0 && Libc.Errno is Libc.EAGAIN or Libc.EINTR
                ? false
                : throw new LoadFailedException(
                    count == 0
                        ? $"connection {index} was closed with {Received(index)} of {_sent[index]} echoes"
                        : new SocketFailureException($"recv on connection {index}").Message
                );
        }

        ReadOnlySpan<byte> bytes = _buffer.AsSpan(0, (int)count);
        if (_rest[index] is { } rest)
        {
            bytes = (byte[])[.. rest, .. bytes];
            _rest[index] = null;
        }

        while (WebSocketFrames.TryRead(ref bytes, out var first, out var payload))
        {
            if (first == (_hub ? WebSocketFrames.Text : WebSocketFrames.Binary))
            {
                Take(index, payload);
            }
            else
            {
                throw new LoadFailedException(
                    $"connection {index} got a frame that begins with 0x{first:x2}: {Encoding.UTF8.GetString(payload)}"
                );
            }
        }

        if (!bytes.IsEmpty)
        {
            _rest[index] = bytes.ToArray();
        }

        return true;
    }

    private void Take(int index, ReadOnlySpan<byte> payload)
    {
        if (!_hub)
        {
            Compose(index, ++_received[index]);
            if (!payload.SequenceEqual(_payload))
            {
                throw new LoadFailedException($"echo {_received[index]} on connection {index} differs from what was sent");
            }

            return;
        }

        while (!payload.IsEmpty)
        {
            var end = payload.IndexOf((byte)'\n');
            var message = end < 0 ? payload : payload[..end];
            payload = end < 0 ? default : payload[(end + 1)..];
            if (message.StartsWith("{\"push\":"u8))
            {
                TakePush(index, message);
            }
            else if (TryNumber(message, "{\"id\":"u8, out var id) && id == _replied[index] + 1 + 2 && message.IndexOf("\"publish\""u8) >= 0)
            {
                _replied[index]++;
            }
            else
            {
                throw new LoadFailedException(
                    $"connection {index} waits for the reply {_replied[index] + 3} and got {Encoding.UTF8.GetString(message)}"
                );
            }
        }
    }

    private void TakePush(int index, ReadOnlySpan<byte> message)
    {
        Compose(index, ++_received[index]);
        var at = message.IndexOf("\"offset\":"u8);
        if (
            message.IndexOf(_payload) < 0
            || message.IndexOf(_channels[index]) < 0
            || at < 0
            || !TryNumber(message[at..], "\"offset\":"u8, out var offset)
            || offset != _received[index]
        )
        {
            throw new LoadFailedException($"publication {_received[index]} on connection {index} is {Encoding.UTF8.GetString(message)}");
        }
    }

    private static bool TryNumber(ReadOnlySpan<byte> text, ReadOnlySpan<byte> before, out long number)
    {
        number = 0;
        return text.StartsWith(before) && System.Buffers.Text.Utf8Parser.TryParse(text[before.Length..], out number, out _);
    }

    /// <summary>The Hub's command; ids 1 and 2 were the opening's.</summary>
    private ReadOnlySpan<byte> Command(int index, long number)
    {
        System.Text.Unicode.Utf8.TryWrite(
            _command,
            CultureInfo.InvariantCulture,
            $"{{\"id\":{number + 2},\"publish\":{{\"channel\":\"",
            out var length
        );
        Append(_channels[index], ref length);
        Append("\",\"data\":"u8, ref length);
        Append(_payload, ref length);
        Append("}}"u8, ref length);
        return _command.AsSpan(0, length);
    }

    private void Append(ReadOnlySpan<byte> bytes, ref int length)
    {
        bytes.CopyTo(_command.AsSpan(length));
        length += bytes.Length;
    }

    // Connection and number first, so that a message on the wrong connection, an old one or a mixed one shows. On a Hub a JSON string of as many bytes.
    private void Compose(int index, long number)
    {
        var message = _payload.AsSpan();
        if (!_hub)
        {
            BinaryPrimitives.WriteInt64LittleEndian(message, index);
            BinaryPrimitives.WriteInt64LittleEndian(message[8..], number);
            Pattern.At(number, _messageBytes - 16).CopyTo(message[16..]);
            return;
        }

        message.Fill((byte)'x');
        System.Text.Unicode.Utf8.TryWrite(message, CultureInfo.InvariantCulture, $"\"{index}:{number}:", out _);
        message[^1] = (byte)'"';
    }
}
