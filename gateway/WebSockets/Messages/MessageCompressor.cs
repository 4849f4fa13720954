using Mooring.Gateway.WebSockets.Deflate;

namespace Mooring.Gateway.WebSockets.Messages;

/// <summary>Compresses what a loop's connections send. Not thread-safe.</summary>
/// <remarks>
/// One shared compressor for each level and window size that is in use, made with the first message that needs it: about 300 KB each at most, whatever the
/// number of connections. A connection that keeps a context has its own.
/// </remarks>
internal sealed class MessageCompressor : IDisposable
{
    private const int Windows = DeflateOptions.MaxWindowBits + 1;

    private readonly Deflater?[] _shared = new Deflater?[(DeflateOptions.MaxLevel + 1) * Windows];
    private readonly ContextTable<Deflater> _contexts = new();

    /// <summary>Compressors of single connections.</summary>
    public int Contexts => _contexts.Count;

    /// <summary>Compressors that all share.</summary>
    public int Shared => _shared.Count(static one => one is not null);

    /// <summary>Compresses for one connection. False when it goes as it is: it is short, or would not get shorter.</summary>
    /// <param name="state">The connection's.</param>
    /// <param name="agreement">What it agreed on.</param>
    /// <param name="options">What the endpoint offers.</param>
    /// <param name="message">The payload.</param>
    /// <param name="compressed">Good until the next call.</param>
    public bool TryCompress(
        ref MessageState state,
        DeflateAgreement agreement,
        DeflateOptions options,
        ReadOnlySpan<byte> message,
        out ReadOnlySpan<byte> compressed
    )
    {
        if (!agreement.ServerTakesOver)
        {
            return TryCompress(options, agreement.ServerWindowBits, message, out compressed);
        }

        compressed = default;
        if (message.Length < options.MinBytes)
        {
            return false;
        }

        // Once its context has the message, the client's must have it too.
        var deflater = _contexts.Get(ref state.Deflater, () => new Deflater(options.Level, agreement.ServerWindowBits));
        compressed = deflater.Deflate(message, keepContext: true);
        return true;
    }

    /// <summary>Compresses for any number of connections that agreed on no takeover and at least this window.</summary>
    /// <param name="options">What the endpoint offers.</param>
    /// <param name="windowBits">9 to 15.</param>
    /// <param name="message">The payload.</param>
    /// <param name="compressed">Good until the next call.</param>
    public bool TryCompress(DeflateOptions options, int windowBits, ReadOnlySpan<byte> message, out ReadOnlySpan<byte> compressed)
    {
        compressed = default;
        if (message.Length < options.MinBytes)
        {
            return false;
        }

        var deflater = _shared[(options.Level * Windows) + windowBits] ??= new Deflater(options.Level, windowBits);
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
