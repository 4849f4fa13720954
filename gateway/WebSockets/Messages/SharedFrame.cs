using Mooring.Gateway.WebSockets.Deflate;
using Mooring.Gateway.WebSockets.Framing;

namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>One message for many connections: its frame is encoded once, and compressed once for each window size that is in use.</summary>
/// <remarks>Immutable to who reads it, and thread-safe: two loops that compress at once do the same work, and one result stays.</remarks>
internal sealed class SharedFrame
{
    private readonly byte[] _plain;
    private readonly Opcode _opcode;
    private readonly int _headerBytes;
    private byte[]?[]? _compressed;

    /// <param name="opcode">Text or Binary.</param>
    /// <param name="payload">Copied.</param>
    public SharedFrame(Opcode opcode, ReadOnlySpan<byte> payload)
    {
        _opcode = opcode;
        _plain = new byte[ServerFrame.SizeOf(payload.Length)];
        ServerFrame.Write(_plain, opcode, payload, compressed: false);
        _headerBytes = _plain.Length - payload.Length;
    }

    /// <summary>For connections without compression: header and payload.</summary>
    public ReadOnlyMemory<byte> Plain => _plain;

    public ReadOnlySpan<byte> Payload => _plain.AsSpan(_headerBytes);

    /// <summary>Bytes it holds, for who bounds queues.</summary>
    public int Size => _plain.Length;

    /// <summary>The frame for a connection.</summary>
    /// <param name="agreement">What the connection agreed on; null: no compression. With a context of its own it gets the plain frame, which it may at any time.</param>
    /// <param name="compressor">Of the loop that asks.</param>
    public ReadOnlyMemory<byte> For(DeflateAgreement? agreement, MessageCompressor compressor)
    {
        if (agreement is null || agreement.ServerTakesOver || Payload.Length < compressor.Options.MinBytes)
        {
            return _plain;
        }

        var frames =
            _compressed ?? Interlocked.CompareExchange(ref _compressed, new byte[DeflateOptions.MaxWindowBits + 1][], null) ?? _compressed;
        ref var frame = ref frames[agreement.ServerWindowBits];
        return Volatile.Read(ref frame) ?? Compress(agreement.ServerWindowBits, compressor, ref frame);
    }

    private byte[] Compress(int windowBits, MessageCompressor compressor, ref byte[]? frame)
    {
        var made = _plain;
        if (compressor.TryCompress(windowBits, Payload, out var compressed))
        {
            made = new byte[ServerFrame.SizeOf(compressed.Length)];
            ServerFrame.Write(made, _opcode, compressed, compressed: true);
        }

        return Interlocked.CompareExchange(ref frame, made, null) ?? made;
    }
}
