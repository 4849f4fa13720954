using Mooring.Contracts.Stream;
using Mooring.Gateway.Draining;
using Mooring.Gateway.Registry;
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

    /// <summary>Nobody sends a signal, and the file stays as it is.</summary>
    [Fact]
    public async Task Run_ConfigIsRefusedForWhatIsOfTheMoment_IsInForceOnceThatIsOver()
    {
        var port = Ports.Free();
        var (path, secret) = (Path.Combine(_folder.FullName, "gateway.json"), Path.Combine(_folder.FullName, "secret"));
        await File.WriteAllTextAsync(
            path,
            $$$"""{"version": 1, "fleet": "default/test", "listeners": [{"name": "a", "protocol": "Tunnel", "port": {{{port}}}, "tunnel": {"secretFile": "{{{secret}}}", "portRange": {"start": 11000, "end": 11001} } } ]}"""
        );
        await using var gateway = new EngineHarness();
        await using var sink = new LogSink(Stream.Null);
        var log = new GatewayLog(sink, new AccessLogMode(1), TimeProvider.System);
        using var drain = new DrainController(gateway.Engine, shared: false, log, TimeProvider.System);
        await using var registry = new RegistryService(
            gateway.Engine.Share,
            () => new GatewayRecord { Name = "here", State = GatewayState.Serving },
            RegistryEnvironment.None,
            log,
            TimeProvider.System
        );
        var configs = new ConfigApplier(gateway.Engine, drain, registry, log);
        using var signalled = new SemaphoreSlim(1);
        using var end = new CancellationTokenSource();
        var file = new ConfigFile(path, TimeProvider.System);
        var running = ConfigReloader.RunAsync(file, configs, () => false, signalled, log, TimeProvider.System, end.Token);
        await Until.TrueAsync(() => configs.Rejected > 0, EngineHarness.Patience, "the key is not there yet");

        await File.WriteAllTextAsync(secret, "0123456789abcdef0123456789abcdef");
        await Until.TrueAsync(() => configs.Accepted > 0, EngineHarness.Patience, "the key has come");
        await end.CancelAsync();
        await running;
    }
}
