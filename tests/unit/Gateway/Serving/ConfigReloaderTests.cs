using Mooring.Gateway.Serving;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Serving;

public sealed class ConfigReloaderTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("mooring-config-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public async Task Run_OneReloadFails_OthersFollow()
    {
        var path = Path.Combine(_folder.FullName, "gateway.json");
        await File.WriteAllTextAsync(path, """{"version": 1, "fleet": "default/test"}""");
        // An engine that has ended takes no config.
        var gateway = new EngineHarness();
        await gateway.DisposeAsync();
        await using var sink = new LogSink(Stream.Null);
        var time = new ManualTime();
        var log = new GatewayLog(sink, new AccessLogMode(1), time);
        var configs = new ConfigApplier(gateway.Engine, null!, null!, log);
        using var signalled = new SemaphoreSlim(0);
        using var end = new CancellationTokenSource();
        var running = ConfigReloader.RunAsync(new ConfigFile(path, time), configs, () => false, signalled, log, time, end.Token);
        for (var reload = 0; reload < 2; reload++)
        {
            var faults = FaultGuard.Total;
            signalled.Release();
            await Until.TrueAsync(() => running.IsCompleted || FaultGuard.Total > faults, EngineHarness.Patience, "a reload has failed");
        }

        running.IsCompleted.ShouldBeFalse();
        await end.CancelAsync();
        await running;
    }
}
