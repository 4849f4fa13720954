using System.Buffers;
using Mooring.Gateway.WebSockets;
using Mooring.Gateway.WebSockets.Http;

namespace Mooring.Gateway.Listeners;

/// <summary>What a WebSocket connection needs until it is upgraded, and gives back then. Owned by one loop.</summary>
internal sealed class Handshake(IUpgradeHandler handler, int listenerPort, uint ticks)
{
    private const int FirstBytes = 512;

    private byte[]? _buffer;

    public IUpgradeHandler Handler { get; } = handler;

    public int ListenerPort { get; } = listenerPort;

    /// <summary>Time for the request head, and then again for the answer's.</summary>
    public uint Ticks { get; } = ticks;

    /// <summary>Once the request head is whole.</summary>
    public UpgradeRequest Request { get; set; }

    /// <summary>What the request waits for, before it is routed.</summary>
    public HandshakeWait Wait { get; set; }

    /// <summary>Of a declined upgrade.</summary>
    public BodyTracker Body;

    /// <summary>Why the connection ends, once it is known.</summary>
    public CloseReason Reason { get; set; } = CloseReason.Answered;

    /// <summary>Who declined it, or gave no good answer; null: nobody was asked, or is still.</summary>
    public AnsweredBy? AnsweredBy { get; set; }

    /// <summary>The rewritten request head, until it was sent.</summary>
    public byte[]? Outgoing { get; set; }

    /// <summary>What the client sent behind its request head: frames, for which the backend must have switched first.</summary>
    public byte[]? Early { get; set; }

    /// <summary>Part of a head that has come so far.</summary>
    public ReadOnlySpan<byte> Partial => _buffer.AsSpan(0, PartialLength);

    public int PartialLength { get; private set; }

    /// <summary>Bytes of what is kept of the head.</summary>
    public int Held => _buffer?.Length ?? 0;

    /// <summary>Bytes so far and these, in one piece. Good until the next call.</summary>
    public unsafe ReadOnlySpan<byte> Join(byte* more, int count)
    {
        if (PartialLength == 0)
        {
            // The usual case: a head in one piece, which is looked at where it was read.
            return new ReadOnlySpan<byte>(more, count);
        }

        Keep(new ReadOnlySpan<byte>(more, count));
        return Partial;
    }

    /// <summary>Adds to what has come so far, which stays below the longest head.</summary>
    public void Keep(ReadOnlySpan<byte> more)
    {
        var length = PartialLength + more.Length;
        if (_buffer is null || _buffer.Length < length)
        {
            // By what has come, or who sends one byte and waits would take the longest head's room.
            var grown = ArrayPool<byte>.Shared.Rent(
                Math.Max(FirstBytes, (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)length))
            );
            Partial.CopyTo(grown);
            if (_buffer is not null)
            {
                ArrayPool<byte>.Shared.Return(_buffer);
            }

            _buffer = grown;
        }

        more.CopyTo(_buffer.AsSpan(PartialLength));
        PartialLength = length;
    }

    /// <summary>Drops what was taken off the front.</summary>
    public void Skip(int count)
    {
        _buffer.AsSpan(count, PartialLength - count).CopyTo(_buffer);
        PartialLength -= count;
    }

    /// <summary>Gives the buffer back.</summary>
    public void Clear()
    {
        PartialLength = 0;
        if (_buffer is not null)
        {
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = null;
        }
    }
}

internal enum HandshakeWait : byte
{
    None,

    /// <summary>For its turn: see <see cref="UpgradePace"/>.</summary>
    Turn,

    /// <summary>For the fleet's word on its user and device.</summary>
    Identity,
}
