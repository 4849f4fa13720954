using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Serving;

/// <summary>Puts the config file in force again when it changes, and on SIGHUP.</summary>
internal static class ConfigReloader
{
    /// <summary>Runs until cancelled.</summary>
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
        try
        {
            while (true)
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                var hangUp = signalled.WaitAsync(either.Token);
                await Task.WhenAny(hangUp, file.ChangedAsync(either.Token));
                await either.CancelAsync();
                cancellation.ThrowIfCancellationRequested();
                await guard.RunAsync(() => ReadAsync(!hangUp.IsCompletedSuccessfully && hasStream()));
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The gateway stops.
        }

        async Task ReadAsync(bool isPassedOver)
        {
            var (config, problem) = await file.ReadAsync(cancellation);
            if (config is null)
            {
                configs.Reject("file", [problem!]);
            }
            else if (isPassedOver)
            {
                log.Event("config_file_passed_over", ("reason", "the operator's stream is open"));
            }
            else
            {
                await configs.ApplyAsync(config, "file");
            }
        }
    }
}
