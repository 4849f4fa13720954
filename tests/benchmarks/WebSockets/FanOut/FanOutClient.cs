using System.Buffers.Binary;
using Mooring.Benchmarks.Load;

namespace Mooring.Benchmarks.WebSockets.FanOut;

/// <summary>One connection's side of the load: takes what comes apart into frames. Used by one thread.</summary>
internal sealed class FanOutClient(int index, FanOutDialect dialect, bool subscribes)
{
    private byte[] _rest = [];
    private bool _upgraded;
    private readonly byte[] _ready = FanOutFrames.Ready(dialect, subscribes);

    /// <summary>Everything is said that must be before the first message.</summary>
    public bool IsReady { get; private set; }

    /// <summary>Just became upgraded, and has to say hello.</summary>
    public bool WantsHello { get; set; }

    /// <summary>The last message it got.</summary>
    public long Last { get; private set; } = -1;

    /// <summary>Takes what has come. Returns how many messages were in it.</summary>
    /// <exception cref="LoadFailedException">A message is missing, doubled or out of order, or it is no WebSocket.</exception>
    public int Take(ReadOnlySpan<byte> bytes)
    {
        byte[]? joined = null;
        if (_rest.Length > 0)
        {
            joined = [.. _rest, .. bytes];
            bytes = joined;
            _rest = [];
        }

        if (!_upgraded)
        {
            var end = bytes.IndexOf("\r\n\r\n"u8);
            if (end < 0)
            {
                _rest = bytes.ToArray();
                return 0;
            }

            if (!bytes.StartsWith("HTTP/1.1 101 "u8))
            {
                throw new LoadFailedException($"connection {index} was not upgraded: {System.Text.Encoding.ASCII.GetString(bytes[..end])}");
            }

            (_upgraded, WantsHello, IsReady) = (true, true, _ready.Length == 0);
            bytes = bytes[(end + 4)..];
        }

        var messages = 0;
        while (TryFrame(ref bytes, out var payload))
        {
            messages += Read(payload);
        }

        if (!bytes.IsEmpty)
        {
            _rest = bytes.ToArray();
        }

        return messages;
    }

    private bool TryFrame(ref ReadOnlySpan<byte> bytes, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        if (bytes.Length < 2)
        {
            return false;
        }

        if ((bytes[0] & 0x0F) == 8)
        {
            throw new LoadFailedException($"connection {index} was closed: {System.Text.Encoding.ASCII.GetString(bytes[2..])}");
        }

        var (head, length) = (2, bytes[1] & 0x7F);
        if (length == 126)
        {
            if (bytes.Length < 4)
            {
                return false;
            }

            (head, length) = (4, BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]));
        }
        else if (length == 127)
        {
            throw new LoadFailedException("a frame of more than 64 KiB");
        }

        if (bytes.Length < head + length)
        {
            return false;
        }

        payload = bytes.Slice(head, length);
        bytes = bytes[(head + length)..];
        return true;
    }

    private int Read(ReadOnlySpan<byte> payload)
    {
        if (!IsReady)
        {
            IsReady = payload.IndexOf(_ready) >= 0;
            if (payload.IndexOf("\"error\""u8) >= 0)
            {
                throw new LoadFailedException($"connection {index}: {System.Text.Encoding.UTF8.GetString(payload)}");
            }
        }

        var messages = 0;
        while (FanOutFrames.TryNext(ref payload, out var number))
        {
            if (!subscribes)
            {
                continue;
            }

            if (Last >= 0 && number != Last + 1)
            {
                throw new LoadFailedException($"connection {index} got message {number} after {Last}");
            }

            Last = number;
            messages++;
        }

        return messages;
    }
}
