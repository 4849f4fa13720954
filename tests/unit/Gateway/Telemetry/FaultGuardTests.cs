using Mooring.Gateway.Backends;
using Mooring.Gateway.Backends.Checks;
using Mooring.Gateway.Telemetry;
using Mooring.Gateway.Tests.Listeners;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Telemetry;

/// <summary>What nobody foresaw ends a step, and nothing else.</summary>
public sealed class FaultGuardTests
{
    [Fact]
    public async Task Step_Throws_IsCountedAndTheNextRuns()
    {
        var guard = new FaultGuard("a duty", new ManualTime());
        var before = FaultGuard.Total;
        var ran = 0;
        for (var i = 0; i < 3; i++)
        {
            await guard.RunAsync(() =>
            {
                ran++;
                throw new InvalidDataException("odd");
            });
        }

        ran.ShouldBe(3);
        (FaultGuard.Total - before).ShouldBeGreaterThanOrEqualTo(3);
    }

    [Fact]
    public async Task Cancellation_IsPassedOn() =>
        await Should.ThrowAsync<OperationCanceledException>(() =>
            new FaultGuard("a duty", new ManualTime()).RunAsync(() => throw new OperationCanceledException())
        );

    [Fact]
    public async Task Loop_CommandThrows_EveryoneElseIsServed()
    {
        using var server = new TestServer();
        await using var gateway = new EngineHarness();
        var port = await gateway.ServeAsync(server.Port);
        using var before = await EngineHarness.ConnectAsync(port);
        await EngineProbes.PingAsync(before);
        var faults = FaultGuard.Total;
        gateway.Engine.Loops[0].Post(() => throw new InvalidDataException("odd"));
        await Until.TrueAsync(() => FaultGuard.Total > faults, EngineHarness.Patience, "it was seen");
        await EngineProbes.PingAsync(before);
        using var after = await EngineHarness.ConnectAsync(port);
        await EngineProbes.PingAsync(after);
    }

    [Fact]
    public async Task Keeper_OfBackends_GoesOnAfterAFault()
    {
        using var stop = new CancellationTokenSource();
        var looks = 0;
        var keeper = new BackendKeeper(
            () => Interlocked.Increment(ref looks) == 1 ? throw new InvalidDataException("odd") : [],
            () => [],
            _ => Task.CompletedTask,
            new ActiveChecker(null, new Random(1)),
            new EndpointDrainer((_, _) => Task.FromResult(0), () => TimeSpan.Zero, new Random(1)),
            () => TimeSpan.Zero,
            TimeProvider.System
        );
        var running = keeper.RunAsync(stop.Token);
        await Until.TrueAsync(() => Volatile.Read(ref looks) > 2, EngineHarness.Patience, "it looks again");
        running.IsCompleted.ShouldBeFalse();
        await stop.CancelAsync();
        await running;
    }
}
