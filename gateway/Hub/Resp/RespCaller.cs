namespace Mooring.Gateway.Hub.Resp;

/// <summary>Keeps one connection for calls. Thread-safe.</summary>
/// <param name="locator">Says to which server.</param>
/// <param name="settings">How.</param>
/// <param name="counters">Told of everything.</param>
/// <param name="time">The clock.</param>
/// <param name="connected">Called with each new connection; null: nobody is.</param>
internal sealed class RespCaller(
    IRespLocator locator,
    RespSettings settings,
    RespCounters counters,
    TimeProvider time,
    Action? connected = null
) : RespKeeper(locator, settings, counters, time)
{
    private RespPipeline? _pipeline;

    /// <summary>Calls that wait for an answer.</summary>
    public int InFlight => Volatile.Read(ref _pipeline)?.InFlight ?? 0;

    /// <summary>Bytes that wait to be sent.</summary>
    public int Unsent => Volatile.Read(ref _pipeline)?.Transport.Unsent ?? 0;

    protected override IReadOnlyList<RespScript> Scripts => Settings.Scripts;

    /// <summary>The reply, which may be an error of the server's.</summary>
    /// <param name="command">What.</param>
    /// <param name="deadline">From now.</param>
    /// <param name="before">A command right before it whose reply does not matter; null: none.</param>
    /// <exception cref="RespUnavailableException">It was not sent, or nobody knows.</exception>
    public Task<RespValue> CallAsync(RespCommand command, TimeSpan deadline, RespCommand? before = null)
    {
        if (Volatile.Read(ref _pipeline) is not { } pipeline)
        {
            Counters.CountRefusal();
            throw new RespUnavailableException(Problem ?? "not connected", mayHaveRun: false);
        }

        return pipeline.CallAsync(command, deadline, before);
    }

    protected override async Task UseAsync(RespTransport transport)
    {
        using var pipeline = new RespPipeline(transport, Settings.Limits, Counters, Time);
        transport.Start(pipeline);
        Volatile.Write(ref _pipeline, pipeline);
        connected?.Invoke();
        await transport.Ended;
        Volatile.Write(ref _pipeline, null);
    }

    protected override void Ping(RespTransport transport)
    {
        if (Volatile.Read(ref _pipeline) is { } pipeline)
        {
            try
            {
                _ = pipeline
                    .CallAsync(RespCommand.Ping, Settings.Limits.DeadAfter)
                    .ContinueWith(
                        static done => _ = done.Exception,
                        CancellationToken.None,
                        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
                        TaskScheduler.Default
                    );
            }
            catch (RespUnavailableException)
            {
                // So much waits that one more question changes nothing.
            }
        }
    }
}
