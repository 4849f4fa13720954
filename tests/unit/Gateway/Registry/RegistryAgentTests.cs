using Mooring.Contracts.Configuration;
using Mooring.Contracts.Stream;
using Mooring.Gateway.Limits.Identities;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Registry.Leases;
using Mooring.Gateway.Telemetry;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Registry;

/// <summary>How a gateway keeps its place in the registry when answers are lost.</summary>
public sealed class RegistryAgentTests
{
    private static readonly TimeSpan Ttl = TimeSpan.FromSeconds(120);

    /// <summary>Much less than an entry lives.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task RegisteredAnew_AndTheAnswerIsLost_KnowsItselfAgain()
    {
        await using var memory = new MemoryRegistry(TimeProvider.System);
        var registry = new AbsentRegistry(memory);
        await using var sink = new LogSink(Stream.Null);
        await using var agent = Agent(registry, sink);
        await Until.TrueAsync(() => IsRegistered(agent), Patience, "it is registered");
        var before = agent.View(new CapacityConfig()).Gateway.Generation;

        // As after a pause longer than its entry lives, or where the registry has lost its memory.
        registry.Losing = 1;
        await memory.UnregisterAsync("gateway", before);
        agent.BeatSoon();
        await Until.TrueAsync(() => registry.Losing == 0, Patience, "it has registered anew, and was not told");
        await Until.TrueAsync(
            () => IsRegistered(agent) && agent.View(new CapacityConfig()).Gateway.Generation > before,
            Patience,
            "it knows the entry for its own"
        );
        (await memory.ListAsync()).ShouldHaveSingleItem().Generation.ShouldBe(agent.View(new CapacityConfig()).Gateway.Generation);
    }

    [Fact]
    public async Task RegisteredByAnotherProcess_ItIsNotMistakenForItsOwn()
    {
        await using var memory = new MemoryRegistry(TimeProvider.System);
        await using var sink = new LogSink(Stream.Null);
        await using var agent = Agent(memory, sink);
        await Until.TrueAsync(() => IsRegistered(agent), Patience, "it is registered");
        await using var successor = Agent(memory, sink);
        await Until.TrueAsync(() => IsRegistered(successor), Patience, "its successor is");
        agent.BeatSoon();
        await Until.TrueAsync(
            () => agent.View(new CapacityConfig()) is { Gateway.Generation: 0, Problem: "another gateway is registered as 'gateway'" },
            Patience,
            "it gives way"
        );
    }

    [Fact]
    public async Task AnswerThatNobodyForesaw_IsAskedForAgain()
    {
        await using var memory = new MemoryRegistry(TimeProvider.System);
        var registry = new AbsentRegistry(memory);
        await using var sink = new LogSink(Stream.Null);
        await using var agent = Agent(registry, sink);
        await Until.TrueAsync(() => IsRegistered(agent), Patience, "it is registered");
        registry.Fault = new InvalidCastException("an answer of another kind");
        agent.BeatSoon();
        await Until.TrueAsync(() => registry.Fault is null, Patience, "it was answered so");
        var before = agent.View(new CapacityConfig()).Gateway.Generation;
        await memory.UnregisterAsync("gateway", before);
        await Until.TrueAsync(
            () => IsRegistered(agent) && agent.View(new CapacityConfig()).Gateway.Generation > before,
            Patience,
            "it goes on all the same"
        );
    }

    [Fact]
    public async Task Identities_AnswerThatNobodyForesaw_IsAskedForAgain()
    {
        await using var memory = new MemoryRegistry(TimeProvider.System);
        var registry = new AbsentRegistry(memory) { Fault = new InvalidCastException("an answer of another kind") };
        var table = new IdentityTable();
        await using var identities = new FleetIdentities(registry, table, "here", TimeProvider.System);
        table.TryAcquire(7, 0);
        identities.Changed(7);
        await Until.TrueAsync(() => registry.Fault is null, Patience, "it was answered so");
        var answered = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        identities.Ask([new IdentityPlace(7, 1, 5)], answered.SetResult);
        (await answered.Task.WaitAsync(Patience)).ShouldBe(-1);
    }

    /// <summary>Two loops count one more each, and ask in the other order.</summary>
    [Fact]
    public async Task Identities_AskedOutOfOrder_AllAreCounted()
    {
        await using var memory = new MemoryRegistry(TimeProvider.System);
        var table = new IdentityTable();
        await using var identities = new FleetIdentities(memory, table, "here", TimeProvider.System);
        table.TryAcquire(7, 0);
        table.TryAcquire(7, 0);
        var answered = new TaskCompletionSource<int>(TaskCreationOptions.RunContinuationsAsynchronously);
        identities.Ask([new IdentityPlace(7, 2, 5)], static _ => { });
        identities.Ask([new IdentityPlace(7, 1, 5)], answered.SetResult);
        (await answered.Task.WaitAsync(Patience)).ShouldBe(-1);
        // Sooner than all is said again anyhow.
        await Until.TrueAsync(
            async () => (await memory.CountAsync("elsewhere", [new IdentityPlace(7, 4, 5)], Ttl)) is [false],
            TimeSpan.FromSeconds(10),
            "the fleet counts both"
        );
    }

    private static bool IsRegistered(RegistryAgent agent) => agent.View(new CapacityConfig()) is { Problem: null, Gateway.Generation: > 0 };

    private static RegistryAgent Agent(IFleetRegistry registry, LogSink sink)
    {
        var share = new FleetShare();
        return new RegistryAgent(
            registry,
            Ttl,
            share,
            new LeaseKeeper(share, () => 0, TimeProvider.System),
            null,
            () =>
                new GatewayRecord
                {
                    Name = "gateway",
                    State = GatewayState.Serving,
                    Capacity = 100,
                },
            new RegistryCounters(),
            new GatewayLog(sink, default, TimeProvider.System),
            TimeProvider.System
        );
    }
}
