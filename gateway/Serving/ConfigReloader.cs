using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Serving;

/// <summary>Puts the config file in force again when it changes, and on SIGHUP.</summary>
internal static class ConfigReloader
{
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(60);

    /// <summary>Runs until cancelled. What was refused is tried again, after two seconds first and each minute at last.</summary>
    /// <remarks>
    /// While the operator's stream is open, a change of the file is passed over: the stream is newer, since kubelet brings a ConfigMap's changes
    /// up to a minute later, and an older one in between would take back what the stream has set. SIGHUP always reads.
    /// </remarks>
    public static async Task RunAsync(
        ConfigFile file,
        ConfigApplier configs,
        Func<bool> hasStream,
        SemaphoreSlim signalled,
        GatewayLog log,
        TimeProvider time,
        CancellationToken cancellation
    )
    {
        var guard = new FaultGuard("the config file", time);
        // What stood against it may be of the moment: a key that kubelet brings to the pod later than the file, a port that another process still has.
        TimeSpan? rest = null;
        try
        {
            while (true)
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                var hangUp = signalled.WaitAsync(either.Token);
                var changed = file.ChangedAsync(either.Token);
                await Task.WhenAny(hangUp, changed, Task.Delay(rest ?? Timeout.InfiniteTimeSpan, time, either.Token));
                var isRetry = !hangUp.IsCompleted && !changed.IsCompleted;
                await either.CancelAsync();
                cancellation.ThrowIfCancellationRequested();
                if (isRetry && !hangUp.IsCompletedSuccessfully && hasStream())
                {
                    rest = null;
                    continue;
                }

                var isRefused = false;
                await guard.RunAsync(async () => isRefused = await ReadAsync(!hangUp.IsCompletedSuccessfully && hasStream()));
                rest =
                    !isRefused ? null
                    : !isRetry ? FirstRetry
                    : 2 * rest < LastRetry ? 2 * rest
                    : LastRetry;
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The gateway stops.
        }

        // True: it was read, and refused.
        async Task<bool> ReadAsync(bool isPassedOver)
        {
            var (config, problem) = await file.ReadAsync(cancellation);
            if (config is null)
            {
                configs.Reject("file", [problem!]);
                return false;
            }

            if (isPassedOver)
            {
                log.Event("config_file_passed_over", ("reason", "the operator's stream is open"));
                return false;
            }

            return (await configs.ApplyAsync(config, "file")).Count > 0;
        }
    }
}
