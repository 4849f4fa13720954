using Mooring.Contracts.Stream;

namespace Mooring.Operator.Gateways;

/// <summary>Times and bounds of the streams' server side.</summary>
public sealed record StreamOptions
{
    /// <summary>Upgrade to accepted hello, authentication included. Default 10 s.</summary>
    public TimeSpan HandshakeTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>A gateway that has sent no message for this long is dropped. Gateways are told. Default 75 s.</summary>
    public TimeSpan SilenceTimeout { get; init; } = StreamLimits.SilenceTimeout;

    /// <summary>A gateway that does not take one message within this is dropped. Default 20 s.</summary>
    public TimeSpan SendTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>Messages of one stream that are read at once, and per second in the long run; the rest waits. Default 100 and 20.</summary>
    public int MessageBurst { get; init; } = 100;

    /// <inheritdoc cref="MessageBurst"/>
    public double MessagesPerSecond { get; init; } = 20;

    /// <summary>Streams at most whose hello has not been accepted yet; more are answered 503. Default 1,024: a thousand gateways of a leader that died dial the next one within three seconds.</summary>
    public int MaxHandshakes { get; init; } = 1024;

    /// <summary>Streams at most; more are answered 503. Default 20,000.</summary>
    public int MaxStreams { get; init; } = 20_000;
}
