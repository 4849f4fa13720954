using Mooring.Gateway.Telemetry;

namespace Mooring.Gateway.Serving;

/// <summary>Puts certificates and CAs in force when their files change, and says what is wrong with those that are no good.</summary>
/// <remarks>
/// By looking at the files' content, as <see cref="ConfigFile"/> does and for the same reasons. A Secret's new content is in the pod
/// within a minute of kubelet's time, so two seconds more do not matter.
/// </remarks>
internal static class CertificateReloader
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    /// <summary>Runs until cancelled.</summary>
    public static async Task RunAsync(GatewayEngine engine, GatewayLog log, TimeProvider time, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(Interval, time);
        var guard = new FaultGuard("certificates", time);
        IReadOnlyList<string> said = [];
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                await guard.RunAsync(async () => said = await LookAsync(engine, log, said));
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The gateway stops.
        }
    }

    /// <summary>Looks once. Returns what is wrong now, which is logged where it differs from what was <paramref name="said"/>.</summary>
    public static async Task<IReadOnlyList<string>> LookAsync(GatewayEngine engine, GatewayLog log, IReadOnlyList<string> said)
    {
        var (changed, problems) = await engine.ReloadCertificatesAsync();
        if (changed)
        {
            log.Event(
                "certificates_reloaded",
                ("expiries", engine.CertificateExpiries.Select(static one => $"{one.Key} {one.Value:yyyy-MM-ddTHH:mm:ssZ}").ToList())
            );
        }

        if (!problems.SequenceEqual(said))
        {
            // An empty list says that all is well again.
            log.Event("certificates_rejected", ("errors", problems));
        }

        return problems;
    }
}
