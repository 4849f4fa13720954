using System.Collections.Concurrent;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Events;
using Mooring.Kubernetes.Informers;
using Mooring.Kubernetes.LeaderElection;
using Mooring.Kubernetes.Models;

namespace Mooring.Testing.ClientCases;

/// <summary>What runs on for long: informers, electors, the event recorder.</summary>
public abstract class FollowerCases(ICaseServer server) : CaseBase(server)
{
    private readonly CancellationTokenSource _stop = new();
    private readonly ConcurrentQueue<string> _heard = new();
    private readonly List<Task> _running = [];
    private readonly CuttableNetwork _network = new();

    [Case]
    public async Task Informer_HearsEverything()
    {
        await CreateAsync("a", "red");
        await CreateAsync("b", "red");
        var informer = await FollowAsync();
        informer.Cache.Count.ShouldBe(2);
        await MergeAsync("a", """{"spec":{"color":"blue"}}""");
        await CreateAsync("c", "red");
        await Client.DeleteAsync(Widget.Type, Namespace, "b");
        await HeardAsync("-b");
        _heard.Take(2).Order().ShouldBe(["+a", "+b"]);
        _heard.Skip(2).ShouldBe(["~a", "+c", "-b"]);
        informer.Cache.Find(Namespace, "a")!.Spec!.Color.ShouldBe("blue");
        informer.Cache.List().Select(one => one.Metadata.Name).Order().ShouldBe(["a", "c"]);
    }

    [Case]
    public async Task Informer_CutOff_CatchesUp()
    {
        await CreateAsync("a", "red");
        await CreateAsync("b", "red");
        var informer = await FollowAsync();
        await CreateAsync("seen", "red");
        await HeardAsync("+seen");
        _network.Cut();
        await MergeAsync("a", """{"spec":{"color":"blue"}}""");
        await Client.DeleteAsync(Widget.Type, Namespace, "b");
        await CreateAsync("c", "red");
        informer.Cache.Find(Namespace, "b").ShouldNotBeNull();
        _network.Mend();
        await HeardAsync("+c");
        _heard.Skip(3).ShouldBe(["~a", "-b", "+c"]);
        informer.Cache.Find(Namespace, "a")!.Spec!.Color.ShouldBe("blue");
        informer.Cache.Find(Namespace, "b").ShouldBeNull();
        // And it follows on.
        await Client.DeleteAsync(Widget.Type, Namespace, "seen");
        await HeardAsync("-seen");
    }

    [Case]
    public async Task Electors_OneLeads_AndIsFollowed()
    {
        using var firstStop = new CancellationTokenSource();
        var (first, firstRun) = Stand("one", firstStop.Token);
        await Until.TrueAsync(() => first.IsLeader, Deadline, "the first leads");
        var (second, _) = Stand("two", _stop.Token);
        await Until.TrueAsync(() => second.Leader == "one", Deadline, "the second sees the first");
        second.IsLeader.ShouldBeFalse();
        var term = first.Leadership!.Epoch;
        var held = await LeaseAsync();
        (held.HolderIdentity, held.LeaseTransitions).ShouldBe(("one", term));
        await firstStop.CancelAsync();
        (await firstRun.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Stopped);
        await Until.TrueAsync(() => second.IsLeader, Deadline, "the second leads");
        first.IsLeader.ShouldBeFalse();
        second.Leadership!.Epoch.ShouldBe(term + 1);
        var lease = await LeaseAsync();
        (lease.HolderIdentity, lease.LeaseTransitions).ShouldBe(("two", term + 1));
        (lease.AcquireTime, lease.RenewTime).ShouldNotBe((null, null));
    }

    [Case]
    public async Task Electors_TheLeaderCutOff_IsReplaced_NeverTwo()
    {
        var (first, firstRun) = Stand("one", _stop.Token, _network);
        await Until.TrueAsync(() => first.IsLeader, Deadline, "the first leads");
        var (second, _) = Stand("two", _stop.Token);
        await Until.TrueAsync(() => second.Leader == "one", Deadline, "the second sees the first");
        _network.Cut();
        var both = 0;
        await Until.TrueAsync(
            () =>
            {
                var leads = second.IsLeader;
                both += leads && first.IsLeader ? 1 : 0;
                return leads;
            },
            Deadline,
            "the second leads"
        );
        both.ShouldBe(0);
        (await firstRun.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Lost);
    }

    [Case]
    public async Task Events_AreMade_AndRepeatsBecomeASeries()
    {
        var widget = await CreateAsync("a", "red");
        await using var recorder = new EventRecorder(
            Client,
            new EventRecorderOptions { ReportingController = "test.mooring.dev/controller", ReportingInstance = "one" }
        );
        recorder.Publish(widget, EventType.Warning, "Failed", "Scaling", "it did not work").ShouldBeTrue();
        await Until.TrueAsync(async () => (await EventsAsync()).Count == 1, Deadline, "the event is there");
        var made = (await EventsAsync()).Single();
        (made.Type, made.Reason, made.Action, made.Note).ShouldBe(("Warning", "Failed", "Scaling", "it did not work"));
        (made.ReportingController, made.ReportingInstance).ShouldBe(("test.mooring.dev/controller", "one"));
        made.Regarding.ShouldBe(ObjectReference.To(widget));
        made.EventTime.ShouldNotBeNull();
        made.Metadata.Generation.ShouldBeNull();
        recorder.Publish(widget, EventType.Warning, "Failed", "Scaling", "again");
        await Until.TrueAsync(
            async () => (await EventsAsync()).Single().Series is { Count: 2, LastObservedTime: not null },
            Deadline,
            "the repeat is counted"
        );
    }

    protected override async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running).WaitAsync(Deadline);
        _network.Dispose();
        _stop.Dispose();
    }

    private async Task<SharedInformer<Widget>> FollowAsync()
    {
        var informer = new SharedInformer<Widget>(
            Connect("informer", _network),
            Widget.Type,
            new SharedInformerOptions<Widget> { Namespace = Namespace, MinBackoff = TimeSpan.FromMilliseconds(50) }
        );
        informer.AddHandler(
            new ResourceEventHandler<Widget>
            {
                Added = value => _heard.Enqueue($"+{value.Metadata.Name}"),
                Updated = (_, value) => _heard.Enqueue($"~{value.Metadata.Name}"),
                Deleted = value => _heard.Enqueue($"-{value.Metadata.Name}"),
            }
        );
        _running.Add(informer.RunAsync(_stop.Token));
        await informer.WaitForSyncAsync(_stop.Token).WaitAsync(Deadline);
        return informer;
    }

    private (LeaderElector Elector, Task<LeaderElectionOutcome> Run) Stand(
        string identity,
        CancellationToken stop,
        CuttableNetwork? network = null
    )
    {
        var elector = new LeaderElector(
            Connect(identity, network),
            new LeaderElectionOptions
            {
                Namespace = Namespace,
                Name = "leader",
                Identity = identity,
                LeaseDuration = TimeSpan.FromSeconds(6),
                RenewDeadline = TimeSpan.FromSeconds(5),
                RetryPeriod = TimeSpan.FromMilliseconds(200),
            }
        );
        var run = elector.RunAsync(
            async leadership => await Task.Delay(Timeout.Infinite, leadership.Ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing),
            stop
        );
        _running.Add(run);
        return (elector, run);
    }

    private Task HeardAsync(string what) => Until.TrueAsync(() => _heard.Contains(what), Deadline, $"the handler hears {what}");

    private async Task<LeaseSpec> LeaseAsync() => (await Client.GetAsync(Resources.Leases, Namespace, "leader")).Spec!;

    private async Task<IReadOnlyList<Event>> EventsAsync() => (await Client.ListAsync(Resources.Events, Namespace)).Items;
}
