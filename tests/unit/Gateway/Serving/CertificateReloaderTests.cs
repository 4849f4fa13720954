using Mooring.Gateway.Serving;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Serving;

public sealed class CertificateReloaderTests
{
    [Fact]
    public async Task Run_OneLookFails_OthersFollow()
    {
        // An engine that has ended cannot look.
        var gateway = new EngineHarness();
        await gateway.DisposeAsync();
        await using var sink = new LogSink(Stream.Null);
        var time = new ManualTime();
        var log = new GatewayLog(sink, new AccessLogMode(1), time);
        using var end = new CancellationTokenSource();
        var running = CertificateReloader.RunAsync(gateway.Engine, log, time, end.Token);
        for (var look = 0; look < 2; look++)
        {
            var faults = FaultGuard.Total;
            time.Advance(TimeSpan.FromSeconds(2));
            await Until.TrueAsync(() => running.IsCompleted || FaultGuard.Total > faults, EngineHarness.Patience, "a look has failed");
        }

        running.IsCompleted.ShouldBeFalse();
        await end.CancelAsync();
        await running;
    }
}
