namespace Mooring.Gateway.Telemetry;

/// <summary>The gateway's two logs, access and events, as JSON lines into one sink. Thread-safe.</summary>
internal sealed class GatewayLog(LogSink sink, AccessLogMode access, TimeProvider time)
{
    private long _seen;

    /// <summary>Entries lost because the output was too slow.</summary>
    public long Dropped => sink.Dropped;

    /// <summary>Whether the next access entry is to be made: asked first, so that an entry nobody wants is never built.</summary>
    public bool WantsAccess() =>
        access.Every switch
        {
            0 => false,
            1 => true,
            var every => Interlocked.Increment(ref _seen) % every == 1,
        };

    /// <summary>Finished lines of access entries that were wanted; see <see cref="LogSink.AppendLine"/>.</summary>
    public void Access(ReadOnlyMemory<byte> lines, int count) => sink.TryWrite(lines, count);

    public void Event(string name, params IReadOnlyList<(string Key, object? Value)> details) =>
        sink.TryWrite(new EventEntry(time.GetUtcNow(), name, details));
}
