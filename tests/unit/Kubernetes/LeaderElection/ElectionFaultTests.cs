using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.LeaderElection;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.LeaderElection;

/// <summary>Whatever the API server, what is in its place, or the credential does: standing goes on, and there are never two leaders.</summary>
public sealed class ElectionFaultTests : IAsyncLifetime
{
    private const string LeasePath = "/apis/coordination.k8s.io/v1/namespaces/ns/leases/leader";
    private readonly List<KubernetesClient> _clients = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _runs = [];
    private KubernetesApiDouble _api = null!;

    public static TheoryData<string> Ways => [.. BrokenServer.Ways];

    /// <summary>Answers with the code 200 that are none.</summary>
    public static TheoryData<string> Answers =>
        [
            "",
            "null",
            "[]",
            "{}",
            "<html>log in first</html>",
            "\u0000\u0001",
            """{"metadata":null,"spec":null}""",
            """{"metadata":{"name":"leader"},"spec":null}""",
            """{"metadata":{"name":"another","resourceVersion":"5"},"spec":{"holderIdentity":"one"}}""",
            """{"metadata":{"name":"leader","resourceVersion":"5"},"spec":{"renewTime":"yesterday","leaseTransitions":3}}""",
            """{"metadata":{"name":"leader","resourceVersion":"5"},"spec":{"renewTime":7,"leaseTransitions":99999999999}}""",
            """{"metadata":{"name":"leader","resourceVersion":"5"},"spec":{"leaseDurationSeconds":[]}}""",
            """{"kind":"Status","status":"Success"}""",
        ];

    public static TheoryData<Exception> Odd =>
        [
            new CredentialException("no token"),
            new CryptographicException("no key"),
            new InvalidOperationException("a slip"),
            new ArgumentException("a slip"),
            new FormatException("no header"),
            new ObjectDisposedException("connections"),
            new TaskCanceledException("gave up by itself"),
        ];

    public async Task InitializeAsync() => _api = await KubernetesApiDouble.StartAsync();

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_runs).WaitAsync(Deadline);
        _clients.ForEach(static one => one.Dispose());
        await _api.DisposeAsync();
        _stop.Dispose();
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public async Task BrokenServer_StandingGoesOn_UntilStopped(string way)
    {
        await using var server = BrokenServer.Start(way);
        using var client = new KubernetesClient(
            new ClusterConfig { Server = server.Address, CertificateAuthorities = [server.Authority.Certificate] }
        );
        using var stop = new CancellationTokenSource();
        var elector = new LeaderElector(client, Options("one"));
        var run = elector.RunAsync(static _ => Task.CompletedTask, stop.Token);

        await Until.TrueAsync(() => server.Connections >= 3 || run.IsCompleted, Deadline, "three tries");

        (run.IsCompleted, elector.IsLeader).ShouldBe((false, false));
        await stop.CancelAsync();
        (await run.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Stopped);
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task AnswersThatAreNone_NobodyLeadsByThem_AndOneDoesOnceTheyAreOver(string answer)
    {
        _api.AddFault(Answering(static _ => true, answer));
        var one = Stand("one");
        await TriedAsync(3, one);

        one.Elector.IsLeader.ShouldBeFalse();
        one.Run.IsCompleted.ShouldBeFalse();
        _api.ClearFaults();
        await LeadsAsync(one);
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task AnswersThatAreNone_ToThoseThatWrite_NobodyLeadsByThem(string answer)
    {
        _api.AddFault(Answering(static request => request.IsWrite, answer));
        var one = Stand("one");
        await TriedAsync(6, one);

        one.Elector.IsLeader.ShouldBeFalse();
        one.Run.IsCompleted.ShouldBeFalse();
        _api.ClearFaults();
        await LeadsAsync(one);
    }

    [Theory]
    [MemberData(nameof(Answers))]
    public async Task AnswersThatAreNone_ToTheLeader_CostItNothingWhileTheyAreFew(string answer)
    {
        var one = Stand("one");
        await LeadsAsync(one);
        var term = one.Elector.Leadership!.Epoch;
        var before = _api.Requests.Count;
        _api.AddFault(Answering(static _ => true, answer, times: 2));
        await Until.TrueAsync(() => _api.Requests.Count > before + 6, Deadline, "renewals go on");

        one.Run.IsCompleted.ShouldBeFalse();
        (one.Elector.IsLeader, one.Elector.Leadership?.Epoch).ShouldBe((true, term));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData(null)]
    public async Task AnswersThatAreNone_ToTheLeaderAlone_ItIsLostBeforeAnotherLeads(string? answer)
    {
        var one = Stand("one");
        await LeadsAsync(one);
        var two = Stand("two");
        await Until.TrueAsync(() => two.Elector.Leader == "one", Deadline, "two sees one");
        // Null: what was good before, from something that remembers it.
        answer ??= _api.Find(LeasePath)!.ToJsonString();
        _api.AddFault(Answering(static request => request.Headers["User-Agent"] == "one", answer));
        var both = 0;
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
    }

    /// <summary>Answers with the code 404 that say nothing of the lease.</summary>
    [Theory]
    [InlineData("404 page not found")]
    [InlineData("")]
    [InlineData("{}")]
    [InlineData(
        """{"kind":"Status","status":"Failure","reason":"NotFound","message":"the server could not find the requested resource","code":404}"""
    )]
    [InlineData(
        """{"kind":"Status","status":"Failure","reason":"NotFound","message":"no","details":{"name":"another","kind":"leases"},"code":404}"""
    )]
    public async Task NotFoundThatIsNotOfTheLease_CostsTheLeaderNothingWhileItIsShort_AndMakesNone(string answer)
    {
        var one = Stand("one");
        await LeadsAsync(one);
        var term = one.Elector.Leadership!.Epoch;
        var before = _api.Requests.Count;
        _api.AddFault(Answering(static _ => true, answer, times: 4, status: 404));
        await Until.TrueAsync(() => _api.Requests.Count > before + 8 || one.Run.IsCompleted, Deadline, "renewals go on");

        one.Run.IsCompleted.ShouldBeFalse();
        (one.Elector.IsLeader, one.Elector.Leadership?.Epoch).ShouldBe((true, term));

        // Whoever stands takes it for no word either: it does not even try to make the lease.
        before = _api.Requests.Count;
        _api.AddFault(Answering(static request => request.Headers["User-Agent"] == "two", answer, times: 3, status: 404));
        var two = Stand("two");
        await Until.TrueAsync(() => two.Elector.Leader == "one" || two.Run.IsCompleted, Deadline, "two sees one");
        _api.Requests.Skip(before).ShouldNotContain(static request => request.IsWrite && request.Headers["User-Agent"] == "two");
    }

    [Fact]
    public async Task LeaseThatIsGone_EndsTheTermAtOnce()
    {
        var one = Stand("one");
        await LeadsAsync(one);
        _api.Remove(LeasePath);
        (await one.Run.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Lost);
    }

    [Fact]
    public async Task OrderlyEnd_ThatCutsARenewalOff_GivesTheLeaseUp()
    {
        var one = Stand("one");
        await LeadsAsync(one);
        RecordedRequest? renewal = null;
        _api.AddFault(new Fault { Match = request => request.Method == "PUT" && (renewal = request) is not null, HangAfter = true });
        await Until.TrueAsync(() => renewal is not null && Written("renewTime") == RenewTime(renewal), Deadline, "it is stored");

        await _stop.CancelAsync();

        (await one.Run.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Stopped);
        Written("holderIdentity").ShouldBe("");

        string? Written(string field) => (string?)_api.Find(LeasePath)!["spec"]![field];
        static string? RenewTime(RecordedRequest request) => (string?)JsonNode.Parse(request.Body)!["spec"]!["renewTime"];
    }

    [Theory]
    // There is no lease yet, or one that nobody holds.
    [InlineData("POST")]
    [InlineData("PUT")]
    public async Task OrderlyEnd_ThatCutsATakeOff_GivesTheLeaseUp(string method)
    {
        if (method == "PUT")
        {
            var free = new JsonObject
            {
                ["metadata"] = new JsonObject { ["name"] = "leader" },
                ["spec"] = new JsonObject(),
            };
            _api.Put(LeasePath[..LeasePath.LastIndexOf('/')], free);
        }

        _api.AddFault(new Fault { Match = request => request.Method == method, HangAfter = true });
        var one = Stand("one");
        await Until.TrueAsync(() => Holder() == "one", Deadline, "it is stored");

        await _stop.CancelAsync();

        (await one.Run.WaitAsync(Deadline)).ShouldBe(LeaderElectionOutcome.Stopped);
        Holder().ShouldBe("");

        string? Holder() => (string?)_api.Find(LeasePath)?["spec"]!["holderIdentity"];
    }

    [Theory]
    [MemberData(nameof(Odd))]
    public async Task OddFailureOfATry_IsTriedAgain_AndCostsALeaderNothingWhileItIsShort(Exception odd)
    {
        var credentials = new FailingCredentials { Error = odd };
        var one = Stand("one", credentials);
        await Until.TrueAsync(() => credentials.Asked >= 3 || one.Run.IsCompleted, Deadline, "three tries");
        one.Run.IsCompleted.ShouldBeFalse();
        credentials.Error = null;
        await LeadsAsync(one);

        var (term, asked) = (one.Elector.Leadership!.Epoch, credentials.Asked);
        credentials.Error = odd;
        await Until.TrueAsync(() => credentials.Asked >= asked + 2 || one.Run.IsCompleted, Deadline, "two tries");
        credentials.Error = null;
        await Until.TrueAsync(() => credentials.Asked >= asked + 5 || one.Run.IsCompleted, Deadline, "renewals go on");
        (one.Elector.IsLeader, one.Elector.Leadership?.Epoch).ShouldBe((true, term));
    }

    [Theory]
    [InlineData("two\nlines")]
    [InlineData("zwölf")]
    public async Task TokenThatCannotBeSent_IsTriedAgain(string token)
    {
        var credentials = new FailingCredentials { Token = token };
        var one = Stand("one", credentials);
        await Until.TrueAsync(() => credentials.Asked >= 3 || one.Run.IsCompleted, Deadline, "three tries");
        one.Run.IsCompleted.ShouldBeFalse();
        credentials.Token = "good";
        await LeadsAsync(one);
    }

    [Fact]
    public void NameThatNoLeaseCanHave_IsRefusedAtOnce() =>
        Should.Throw<ArgumentException>(() => new LeaderElector(ClientOf("one"), Options("one") with { Name = "a/b" }));

    private static Fault Answering(Func<RecordedRequest, bool> match, string body, int times = int.MaxValue, int status = 200) =>
        new()
        {
            Match = match,
            Status = status,
            Body = body,
            Times = times,
        };

    private static LeaderElectionOptions Options(string identity) =>
        new()
        {
            Namespace = "ns",
            Name = "leader",
            Identity = identity,
            LeaseDuration = TimeSpan.FromSeconds(4),
            RenewDeadline = TimeSpan.FromSeconds(3),
            RetryPeriod = TimeSpan.FromMilliseconds(100),
        };

    private static Task LeadsAsync(Candidate one) =>
        Until.TrueAsync(() => one.Elector.IsLeader || one.Run.IsCompleted, Deadline, "it leads");

    private Task TriedAsync(int times, Candidate one)
    {
        var before = _api.Requests.Count;
        return Until.TrueAsync(() => _api.Requests.Count >= before + times || one.Run.IsCompleted, Deadline, $"{times} tries");
    }

    private KubernetesClient ClientOf(string name, ICredentialSource? credentials = null)
    {
        var client = Widgets.Client(_api, new KubernetesClientOptions { UserAgent = name }, credentials: credentials);
        _clients.Add(client);
        return client;
    }

    private Candidate Stand(string identity, ICredentialSource? credentials = null)
    {
        var elector = new LeaderElector(ClientOf(identity, credentials), Options(identity));
        var run = elector.RunAsync(
            static async term => await Task.Delay(Timeout.Infinite, term.Ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing),
            _stop.Token
        );
        _runs.Add(run);
        return new Candidate(elector, run);
    }

    private sealed record Candidate(LeaderElector Elector, Task<LeaderElectionOutcome> Run);

    private sealed class FailingCredentials : ICredentialSource
    {
        private int _asked;

        public int Asked => Volatile.Read(ref _asked);

        public Exception? Error { get; set; }

        public string? Token { get; set; }

        public ValueTask<Credential> GetAsync(CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref _asked);
            return Error is { } error ? throw error : ValueTask.FromResult(new Credential { Token = Token });
        }

        public bool Invalidate(Credential refused) => false;
    }
}
