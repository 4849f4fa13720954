using Mooring.Contracts.Configuration;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.Tests.Host;

/// <summary>The gateways of a fleet on a host, with processes that do nothing.</summary>
public sealed class GatewayGroupTests : IAsyncDisposable
{
    private readonly HostRig _rig = new();
    private readonly GatewayGroup _group;

    public GatewayGroupTests()
    {
        _group = new GatewayGroup("shop/small", Path.Combine(_rig.StateDirectory, "handover-0.sock"), _rig.Context);
        _group.Apply(Fleets.Load(Fleets.Small), 1, new DrainConfig());
    }

    public ValueTask DisposeAsync() => _rig.DisposeAsync();

    [Fact]
    public async Task Step_CordonedBetweenTwoProcesses_StartsAgainAndIsCordonedOnceItServes()
    {
        var slot = await CrashedAsync();
        slot.Hold = GatewayHold.Cordon;

        Step();
        slot.Phase.ShouldBe(SlotPhase.Waiting, "there is nothing to empty");
        _group.Slots.Count.ShouldBe(2, "another in its place");

        _rig.Time.Advance(TimeSpan.FromSeconds(10));
        Step();
        slot.Phase.ShouldBe(SlotPhase.Starting);
        Step(Serving());
        (slot.Phase, slot.Mark?.Cause).ShouldBe((SlotPhase.Draining, DrainCauses.Manual));
        _group.Ready.ShouldBe(1, "the other alone takes connections");

        slot.Hold = null;
        _group.Apply(Fleets.Load(Fleets.Small), 2, new DrainConfig());
        Step(Serving());
        (slot.Phase, slot.Mark, _group.Ready).ShouldBe((SlotPhase.Ready, null, 2));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Step_CordonedAndUncordonedBeforeItServes_DoesNotCountAsServing(bool started)
    {
        var slot = await CrashedAsync();
        if (started)
        {
            _rig.Time.Advance(TimeSpan.FromSeconds(10));
            Step();
        }

        slot.Hold = GatewayHold.Cordon;
        Step();
        slot.Hold = null;
        Step();

        _group.Slots.ShouldAllBe(static one => !one.Serves);
        _group.Ready.ShouldBe(0);
    }

    [Fact]
    public async Task Loads_GatewayThatHasEnded_MayHaveGivenItsConnectionsToTheOthers()
    {
        _group.Apply(Fleets.Load(Fleets.Small), 2, new DrainConfig());
        Step();
        Step(Serving());
        var before = _group.Loads(Serving()).MovedAt;
        _rig.Time.Advance(TimeSpan.FromSeconds(10));
        Step(Serving());
        _group.Loads(Serving()).MovedAt.ShouldBe(before, "nobody went");

        await EndAsync(_group.Slots[0]);
        Step(Serving());
        var loads = _group.Loads(Serving());
        (loads.MovedAt, loads.Gateways.Count).ShouldBe((_rig.Time.GetUtcNow(), 1));
        _rig.Time.Advance(TimeSpan.FromSeconds(10));
        Step(Serving());
        loads = _group.Loads(_rig.View([]));
        loads.MovedAt.ShouldBe(_rig.Time.GetUtcNow() - TimeSpan.FromSeconds(10));
        loads.Gateways.ShouldBe([null, null], "both run, and neither has a stream");
    }

    [Fact]
    public async Task Processes_OneThatServedHasEnded_SaysSinceWhen_AndNotAnewWhenItEndsAgainAtOnce()
    {
        Unready().ShouldBeNull();
        var slot = await CrashedAsync();
        var lost = _rig.Time.GetUtcNow();
        Unready().ShouldBe(lost);

        await EndAgainAsync(servedFor: TimeSpan.Zero);
        Unready().ShouldBe(lost);
        await EndAgainAsync(servedFor: TimeSpan.FromHours(1));
        Unready().ShouldBe(_rig.Time.GetUtcNow());

        DateTimeOffset? Unready() => _group.Processes(Serving()).Select(static one => one.Gateway.UnreadySince).SingleOrDefault();

        async Task EndAgainAsync(TimeSpan servedFor)
        {
            _rig.Time.Advance(TimeSpan.FromSeconds(30));
            Step();
            Step(Serving());
            slot.Phase.ShouldBe(SlotPhase.Ready);
            _rig.Time.Advance(servedFor);
            await EndAsync(slot);
        }
    }

    [Fact]
    public async Task Step_StateDirectoryIsGone_GoesOn()
    {
        Step();
        var slot = _group.Slots.ShouldHaveSingleItem();
        Directory.Delete(_rig.StateDirectory, recursive: true);
        await EndAsync(slot);
        Step();
        _rig.Time.Advance(TimeSpan.FromSeconds(10));
        Step();
        slot.Phase.ShouldBe(SlotPhase.Starting);
    }

    [Fact]
    public void Step_SurgeOfAllGateways_StartsThemAtOnce()
    {
        var fleet = Fleets.Load(Fleets.Small);
        fleet.Spec.Gateway.Rollout = new RolloutSpec { MaxSurgePercent = 100 };
        _group.Apply(fleet, 4, new DrainConfig());
        Step();
        Step(Serving());
        _group.Ready.ShouldBe(4);

        _rig.Context.Revisions.Restart();
        Step(Serving());
        _group.Slots.Count(slot => slot.SpecHash == _group.Revision).ShouldBe(4);
    }

    /// <summary>The one gateway has served, and waits for its next start.</summary>
    private async Task<ChildSlot> CrashedAsync()
    {
        Step();
        Step(Serving());
        var slot = _group.Slots.ShouldHaveSingleItem();
        slot.Phase.ShouldBe(SlotPhase.Ready);
        await EndAsync(slot);
        return slot;
    }

    private async Task EndAsync(ChildSlot slot)
    {
        slot.Process!.Kill();
        await _rig.UntilAsync(() => slot.Phase == SlotPhase.Waiting, "the end of the process");
    }

    private FleetView Serving() => _rig.View(_group.Slots);

    private void Step(FleetView? view = null) => _group.Step(view ?? _rig.View([]), _rig.Time.GetUtcNow(), stopAt: null);
}
