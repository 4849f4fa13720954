using Mooring.Gateway.WebSockets.Deflate;

namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>Compresses what a loop's connections send: one shared compressor for each window size in use, or a connection's own. Not thread-safe.</summary>
internal sealed class MessageCompressor(DeflateOptions options) : IDisposable
{
    private readonly Deflater?[] _shared = new Deflater?[DeflateOptions.MaxWindowBits + 1];
    private readonly ContextTable<Deflater> _contexts = new();

    public DeflateOptions Options { get; } = options;

    /// <summary>Compressors of single connections.</summary>
    public int Contexts => _contexts.Count;

    /// <summary>Compresses for one connection. False when it goes as it is: it is short, or would not get shorter.</summary>
    /// <param name="state">The connection's.</param>
    /// <param name="agreement">What it agreed on.</param>
    /// <param name="message">The payload.</param>
    /// <param name="compressed">Good until the next call.</param>
    public bool TryCompress(
        ref MessageState state,
        DeflateAgreement agreement,
        ReadOnlySpan<byte> message,
        out ReadOnlySpan<byte> compressed
    )
    {
        if (!agreement.ServerTakesOver)
        {
            return TryCompress(agreement.ServerWindowBits, message, out compressed);
        }

        compressed = default;
        if (message.Length < Options.MinBytes)
        {
            return false;
        }

        // Once its context has the message, the client's must have it too.
        var deflater = _contexts.Get(ref state.Deflater, () => new Deflater(Options.Level, agreement.ServerWindowBits));
        compressed = deflater.Deflate(message, keepContext: true);
        return true;
    }

    /// <summary>Compresses for any number of connections that agreed on no takeover and at least this window.</summary>
    public bool TryCompress(int windowBits, ReadOnlySpan<byte> message, out ReadOnlySpan<byte> compressed)
    {
        compressed = default;
        if (message.Length < Options.MinBytes)
        {
            return false;
        }

        var deflater = _shared[windowBits] ??= new Deflater(Options.Level, windowBits);
        compressed = deflater.Deflate(message, keepContext: false);
        return compressed.Length < message.Length;
    }

    /// <summary>The connection has ended: gives its compressor back.</summary>
    public void Release(ref MessageState state) => _contexts.Release(ref state.Deflater);

    public void Dispose()
    {
        foreach (var deflater in _shared)
        {
            deflater?.Dispose();
        }

        _contexts.Dispose();
    }
}
