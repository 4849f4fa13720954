using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.LeaderElection;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.LeaderElection;

public sealed class LeaderElectorTests : IAsyncLifetime
{
    private const string LeasePath = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/leader";

    private readonly List<KubernetesClient> _clients = [];
    private readonly List<CancellationTokenSource> _stops = [];
    private readonly List<Task> _runs = [];
    private KubernetesApiDouble _api = null!;

    public async Task InitializeAsync() => _api = await KubernetesApiDouble.StartAsync();

    public async Task DisposeAsync()
    {
        _stops.ForEach(static one => one.Cancel());
        await Task.WhenAll(_runs).WaitAsync(Deadline);
        _clients.ForEach(static one => one.Dispose());
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task First_Leads_SecondWaits_AndFollowsARelease()
    {
        var one = Stand("one");
        await LeadsAsync(one);
        var first = one.Elector.Leadership!.Epoch;
        var two = Stand("two");
        await Until.TrueAsync(() => two.Elector.Leader == "one", Deadline, "two sees one");
        two.Elector.IsLeader.ShouldBeFalse();
        await one.Stop.CancelAsync();
        (await one.Run.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Stopped);
        await LeadsAsync(two);
        two.Elector.Leadership!.Epoch.ShouldBe(first + 1);
        one.Elector.IsLeader.ShouldBeFalse();
        _api.Find(LeasePath)!["spec"]!["holderIdentity"]!.ToString().ShouldBe("two");
    }

    [Fact]
    public async Task NeverTwo_WhileTheFirstIsCutOff()
    {
        var one = Stand("one");
        await LeadsAsync(one);
        var first = one.Elector.Leadership!.Epoch;
        var two = Stand("two");
        await Until.TrueAsync(() => two.Elector.Leader == "one", Deadline, "two sees one");
        var both = 0;
        // Only the first is cut off.
        _api.AddFault(
            new Fault
            {
                Match = request => request.Headers["User-Agent"] == "one",
                Times = int.MaxValue,
                Abort = true,
            }
        );
        await Until.TrueAsync(
            () =>
            {
                var second = two.Elector.IsLeader;
                both += one.Elector.IsLeader && second ? 1 : 0;
                return second;
            },
            Deadline,
            "two leads"
        );
        both.ShouldBe(0);
        (await one.Run.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Lost);
        one.Ended.Task.IsCompleted.ShouldBeTrue();
        two.Elector.Leadership!.Epoch.ShouldBe(first + 1);
    }

    [Fact]
    public async Task HangingServer_CostsTheLease()
    {
        var one = Stand("one");
        await LeadsAsync(one);
        _api.AddFault(new Fault { Times = int.MaxValue, Hang = true });
        (await one.Run.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Lost);
        one.Elector.IsLeader.ShouldBeFalse();
    }

    [Fact]
    public async Task TakenByAnother_IsLostAtOnce()
    {
        var one = Stand("one");
        await LeadsAsync(one);
        _api.Edit(
            LeasePath,
            value =>
            {
                value["spec"]!["holderIdentity"] = "thief";
                value["spec"]!["leaseTransitions"] = 9;
            }
        );
        (await one.Run.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Lost);
        one.Elector.Leader.ShouldBe("thief");
    }

    [Fact]
    public async Task LeaseDeleted_TheHolderEnds_AndTheNextTermIsHigher_HoweverOftenItHappens()
    {
        var holder = Stand("first");
        await LeadsAsync(holder);
        for (var i = 0; i < 3; i++)
        {
            var term = holder.Elector.Leadership!.Epoch;
            var next = Stand($"next-{i}");
            await Until.TrueAsync(() => next.Elector.Leader.Length > 0, Deadline, "the next sees the holder");

            _api.Remove(LeasePath);

            (await holder.Run.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Lost);
            await LeadsAsync(next);
            next.Elector.Leadership!.Epoch.ShouldBeGreaterThan(term);
            holder = next;
        }
    }

    [Fact]
    public async Task LeaseWithoutANumber_IsTakenWithAHighOne()
    {
        _api.Put(
            "/apis/coordination.k8s.io/v1/namespaces/ns/leases",
            new System.Text.Json.Nodes.JsonObject
            {
                ["apiVersion"] = "coordination.k8s.io/v1",
                ["kind"] = "Lease",
                ["metadata"] = new System.Text.Json.Nodes.JsonObject { ["name"] = "leader" },
            }
        );
        var one = Stand("one");
        await LeadsAsync(one);
        one.Elector.Leadership!.Epoch.ShouldBeGreaterThan(1_000_000);
    }

    [Fact]
    public async Task LabelledMeanwhile_GoesOn()
    {
        var one = Stand("one");
        await LeadsAsync(one);
        var edited = _api.Edit(LeasePath, value => value["metadata"]!["labels"] = new System.Text.Json.Nodes.JsonObject { ["x"] = "y" });
        var before = edited["metadata"]!["resourceVersion"]!.ToString();
        await Until.TrueAsync(
            () => _api.Find(LeasePath)!["metadata"]!["resourceVersion"]!.ToString() != before,
            Deadline,
            "a renewal after it"
        );
        one.Elector.IsLeader.ShouldBeTrue();
        _api.Find(LeasePath)!["metadata"]!["labels"]!["x"]!.ToString().ShouldBe("y");
    }

    [Fact]
    public async Task ShortOutage_IsSurvived()
    {
        var one = Stand("one");
        await LeadsAsync(one);
        var term = one.Elector.Leadership!.Epoch;
        _api.AddFault(new Fault { Times = 2, Status = 500 });
        var writes = _api.Requests.Count(static request => request.Method == "PUT");
        await Until.TrueAsync(
            () => _api.Requests.Count(static request => request.Method == "PUT") > writes + 4,
            Deadline,
            "renewals go on"
        );
        one.Elector.IsLeader.ShouldBeTrue();
        one.Elector.Leadership!.Epoch.ShouldBe(term);
    }

    [Fact]
    public async Task WorkThatEnds_ReleasesTheLease()
    {
        var one = Stand("one", _ => Task.CompletedTask);
        (await one.Run.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Completed);
        _api.Find(LeasePath)!["spec"]!["holderIdentity"]!.ToString().ShouldBe("");
    }

    [Fact]
    public async Task WorkThatFails_ReleasesTheLease_AndThrows()
    {
        var client = ClientOf("one");
        var elector = new LeaderElector(client, Options("one"));
        var run = elector.RunAsync(_ => throw new InvalidOperationException("broken"), CancellationToken.None);
        (await Should.ThrowAsync<InvalidOperationException>(run)).Message.ShouldBe("broken");
        _api.Find(LeasePath)!["spec"]!["holderIdentity"]!.ToString().ShouldBe("");
    }

    [Fact]
    public async Task Stopping_KeepsTheLease_UntilTheWorkHasEnded()
    {
        var release = new TaskCompletionSource();
        var one = Stand(
            "one",
            async leadership =>
            {
                await Task.Delay(Timeout.Infinite, leadership.Ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                await release.Task;
            }
        );
        await LeadsAsync(one);
        await one.Stop.CancelAsync();
        var renewals = _api.Requests.Count(static request => request.Method == "PUT");
        await Until.TrueAsync(
            () => _api.Requests.Count(static request => request.Method == "PUT") > renewals + 1,
            Deadline,
            "renewals go on"
        );
        one.Elector.IsLeader.ShouldBeTrue();
        release.SetResult();
        (await one.Run.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Stopped);
    }

    [Theory]
    [InlineData(10, 10, 2)]
    [InlineData(15, 10, 6)]
    [InlineData(0.5, 0.4, 0.1)]
    [InlineData(15, 10, 0)]
    public void Options_ThatContradict_AreRefused(double lease, double deadline, double retry)
    {
        using var client = ClientOf("x");
        Should.Throw<ArgumentOutOfRangeException>(() =>
            new LeaderElector(
                client,
                new LeaderElectionOptions
                {
                    Namespace = "ns",
                    Name = "leader",
                    LeaseDuration = TimeSpan.FromSeconds(lease),
                    RenewDeadline = TimeSpan.FromSeconds(deadline),
                    RetryPeriod = TimeSpan.FromSeconds(retry),
                }
            )
        );
    }

    private static LeaderElectionOptions Options(string identity) =>
        new()
        {
            Namespace = "ns",
            Name = "leader",
            Identity = identity,
            LeaseDuration = TimeSpan.FromSeconds(6),
            RenewDeadline = TimeSpan.FromSeconds(5),
            RetryPeriod = TimeSpan.FromMilliseconds(100),
        };

    private static Task LeadsAsync(Candidate one) => Until.TrueAsync(() => one.Elector.IsLeader, Deadline, "it leads");

    private KubernetesClient ClientOf(string name)
    {
        var client = Widgets.Client(_api, new KubernetesClientOptions { UserAgent = name });
        _clients.Add(client);
        return client;
    }

    private Candidate Stand(string identity, Func<Leadership, Task>? work = null)
    {
        var elector = new LeaderElector(ClientOf(identity), Options(identity));
        var stop = new CancellationTokenSource();
        var ended = new TaskCompletionSource();
        var run = elector.RunAsync(
            async leadership =>
            {
                if (work is not null)
                {
                    await work(leadership);
                    return;
                }

                await Task.Delay(Timeout.Infinite, leadership.Ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                ended.SetResult();
            },
            stop.Token
        );
        _stops.Add(stop);
        _runs.Add(run);
        return new Candidate(elector, stop, run, ended);
    }

    private sealed record Candidate(
        LeaderElector Elector,
        CancellationTokenSource Stop,
        Task<LeaderElectionOutcome> Run,
        TaskCompletionSource Ended
    );
}
