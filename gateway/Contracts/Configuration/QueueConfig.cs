namespace Mooring.Contracts.Configuration;

/// <summary>Where connections wait while every endpoint has its limit: HAProxy's <c>maxqueue</c> and <c>timeout queue</c>.</summary>
public sealed record QueueConfig
{
    /// <summary>Connections that wait at most, of one gateway. 1 to 100,000; default 128.</summary>
    public int MaxLength { get; set; } = 128;

    /// <summary>A connection that waited this long is refused. Default 5 s.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// A waiting client that ends its sending side gives up its place: HAProxy's <c>option abortonclose</c>. Default false: it may still read its answer.
    /// One that is reset, and one that waits with a WebSocket handshake, gives it up in any case.
    /// </summary>
    public bool AbortOnClose { get; set; }
}
