using System.Text.Json.Nodes;
using Mooring.Api.Tests.Cluster;
using Mooring.Api.Tests.Operators;

namespace Mooring.Api.Tests.Faults;

/// <summary>
/// The built operator behind a proxy that mistreats its requests to the real API server, while fleets are made, changed, scaled and deleted. Each fleet has
/// a fault of its own; the watches, which are everybody's, are cut every two seconds all along.
/// </summary>
public sealed class ApiFaultTests(FaultCluster own) : IClassFixture<FaultCluster>
{
    private const string Lasting = "fault-last";
    private const int Every = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Cut = TimeSpan.FromSeconds(2);
    private static readonly string[] Passing = ["fault-409", "fault-429", "fault-500", "fault-503", "fault-slow", "fault-lost"];
    private static readonly string[] All = [.. Passing, Lasting];

    private int _watches;
    private int _reads;
    private readonly int[] _writes = new int[Passing.Length];
    private bool _lasts = true;

    [ClusterFact]
    public async Task Fleets_EachWithAFaultOfItsOwn_LiveTheirWholeLife_AndNothingIsDoneTwice()
    {
        var cluster = own.Cluster;
        var ns = await cluster.CreateNamespaceAsync("faults");
        var role = await OperatorRole.CreateAsync(cluster);
        await using var proxy = await ApiFaultProxy.StartAsync(cluster, role.User);
        proxy.Rule = Befall;
        await using var @operator = await OperatorProcess.StartAsync(
            cluster,
            role.Via(cluster, proxy.Address),
            ["--namespace", ns, "--leader-elect=false"]
        );
        await using var kubelet = new StandInKubelet(cluster, ns);
        var mark = cluster.Audit.Mark();

        await Task.WhenAll(All.Select(name => cluster.Kubectl.ApplyAsync(Manifest(name), ns)));
        await EachAsync(ns, @operator, Passing, static fleet => IsReady(fleet) ? null : "not ready");
        // What lasts is said, with the object and the API server's word, and the others do not wait for it.
        await EachAsync(
            ns,
            @operator,
            [Lasting],
            static fleet =>
                Condition(fleet, "Ready") is { } ready
                && (string?)ready["reason"] == "ApplyFailed"
                && ((string?)ready["message"])!.Contains("a fault on order", StringComparison.Ordinal)
                && ((string?)ready["message"])!.Contains("Deployment", StringComparison.Ordinal)
                    ? null
                    : "the trouble is not said"
        );
        await EventAsync(ns, Lasting, "ApplyFailed");
        Volatile.Write(ref _lasts, false);

        await Task.WhenAll(
            All.Select(name => PatchAsync(ns, name, """{"spec":{"gateway":{"capacity":{"maxConnections":777},"replicas":3}}}"""))
        );
        await EachAsync(ns, @operator, All, static fleet => IsReady(fleet) && Replicas(fleet) == 3 ? null : "not three");
        foreach (var name in All)
        {
            ((string)(await cluster.Kubectl.GetAsync("configmap", $"{name}-gateway", "-n", ns))["data"]!["gateway.json"]!).ShouldContain(
                "777"
            );
        }

        await Task.WhenAll(All.Select(name => cluster.Kubectl.RunAsync("scale", "fleet", name, "--replicas=1", "-n", ns)));
        await EachAsync(ns, @operator, All, static fleet => IsReady(fleet) && Replicas(fleet) == 1 ? null : "not one");

        // Half-open for as long as it takes until the operator has given a connection up; what is asked for meanwhile is done afterwards.
        proxy.FallSilent();
        await Task.WhenAll(All.Select(name => cluster.Kubectl.RunAsync("scale", "fleet", name, "--replicas=2", "-n", ns)));
        await Eventually.HoldsAsync(() => Task.FromResult(proxy.GivenUp > 0 ? null : @operator.Log), Patience);
        proxy.Speak();
        await EachAsync(ns, @operator, All, static fleet => IsReady(fleet) && Replicas(fleet) == 2 ? null : "not two");

        // What befell them all is told of the operator's Lease.
        foreach (var trouble in new[] { "ApiServerAway", "WatchesCut", "WatchesExpired" })
        {
            await EventAsync(role.Namespace, OperatorRole.LeaseName, trouble);
        }

        // Only the watches are still cut, again and again: that is no reason to write anything.
        var quiet = await QuietAsync(proxy, role.User);

        string[] gone = ["fault-409", "fault-500", "fault-lost"];
        await cluster.Kubectl.RunAsync(["delete", "fleet", .. gone, "-n", ns, "--wait=false"]);
        await Eventually.HoldsAsync(
            async () =>
            {
                var left = (await cluster.Kubectl.GetAsync("fleets,deployments,services,configmaps", "-n", ns))["items"]!
                    .AsArray()
                    .Select(one => (string)one!["metadata"]!["name"]!)
                    .Where(name => gone.Any(fleet => name.StartsWith(fleet, StringComparison.Ordinal)))
                    .ToList();
                return left.Count == 0 ? null : $"left: {string.Join(' ', left)}\n{Tail(@operator)}";
            },
            Patience
        );

        @operator.Process.HasExited.ShouldBeFalse();
        Judge([.. (await cluster.Audit.SinceAsync(mark)).Where(request => request.User == role.User)], quiet);
        foreach (var fleet in All.Except(gone))
        {
            var children = await cluster.Kubectl.GetAsync("deployments", "-n", ns, "-l", $"mooring.dev/fleet={fleet}");
            children["items"]!.AsArray().Count.ShouldBe(1, $"{fleet} has been made twice");
        }

        var metrics = await @operator.GetAsync("/metrics");
        foreach (var code in new[] { "409", "429", "500", "503", "timeout" })
        {
            metrics.ShouldContain($"code=\"{code}\"");
        }

        metrics.ShouldContain("kubernetes_informer_watches_total{");
        // Every loop is alive after all that.
        metrics.ShouldContain("kubernetes_loop_last_active_timestamp_seconds{");
        @operator.Log.ShouldContain("Following ");
    }

    [ClusterFact]
    public async Task SlowServer_IsToldOfTheLease_WhereKubectlDescribeShowsIt()
    {
        var cluster = own.Cluster;
        var ns = await cluster.CreateNamespaceAsync("slow");
        var role = await OperatorRole.CreateAsync(cluster);
        await using var proxy = await ApiFaultProxy.StartAsync(cluster, role.User);
        proxy.Rule = static _ => new ApiFault { Delay = TimeSpan.FromMilliseconds(1200) };
        await using var @operator = await OperatorProcess.StartAsync(cluster, role.Via(cluster, proxy.Address), ["--namespace", ns]);

        await EventAsync(role.Namespace, OperatorRole.LeaseName, "ApiServerSlow");
        await Eventually.HoldsAsync(
            async () =>
                await cluster.Kubectl.RunAsync("describe", "lease", OperatorRole.LeaseName, "-n", role.Namespace) is var text
                && text.Contains("requests within 60 s took more than 1 s", StringComparison.Ordinal)
                    ? null
                    : text,
            Patience
        );
        (await @operator.GetAsync("/metrics")).ShouldContain("mooring_troubles_total{kind=\"ApiServerSlow\"");
        @operator.Process.HasExited.ShouldBeFalse();
    }

    /// <summary>What befalls a request while everything goes on.</summary>
    private ApiFault? Befall(ProxiedRequest request)
    {
        if (request.IsWatch)
        {
            var number = Interlocked.Increment(ref _watches);
            return number % 5 == 0 ? new ApiFault { Expires = true } : new ApiFault { CutAfter = Cut, EndsWell = number % 2 == 0 };
        }

        if (!request.IsWrite)
        {
            return (Interlocked.Increment(ref _reads) % 14) switch
            {
                7 => new ApiFault { Status = 500 },
                13 => new ApiFault { Status = 429, RetryAfter = 1 },
                _ => null,
            };
        }

        if (Volatile.Read(ref _lasts) && request.Path.Contains($"/deployments/{Lasting}", StringComparison.Ordinal))
        {
            return new ApiFault { Status = 500 };
        }

        var fleet = Array.FindIndex(Passing, name => request.Path.Contains($"/{name}", StringComparison.Ordinal));
        if (fleet < 0 || (Interlocked.Increment(ref _writes[fleet]) % Every) != 0)
        {
            return null;
        }

        return Passing[fleet] switch
        {
            "fault-slow" => new ApiFault { Delay = TimeSpan.FromMilliseconds(1500) },
            "fault-lost" => new ApiFault { LosesAnswer = true },
            "fault-429" => new ApiFault { Status = 429, RetryAfter = 1 },
            var name => new ApiFault { Status = int.Parse(name[^3..]) },
        };
    }

    /// <summary>Waits for two rounds of cut watches in which the operator writes nothing; returns the log's mark before them.</summary>
    private async Task<long> QuietAsync(ApiFaultProxy proxy, string user)
    {
        long mark = 0;
        await Eventually.HoldsAsync(
            async () =>
            {
                mark = own.Cluster.Audit.Mark();
                var before = proxy.WatchesEnded;
                await Eventually.HoldsAsync(
                    () => Task.FromResult(proxy.WatchesEnded >= before + 40),
                    Patience,
                    "the watches are not cut any more"
                );
                var writes = (await own.Cluster.Audit.SinceAsync(mark))
                    .Where(request => request.User == user && IsChange(request))
                    .ToList();
                return writes.Count == 0 ? null : $"it writes on:\n{string.Join('\n', writes)}";
            },
            Patience
        );
        return mark;
    }

    private static void Judge(IReadOnlyList<AuditedRequest> requests, long quiet)
    {
        quiet.ShouldBeGreaterThan(0);
        // The fleets' ends are the garbage collector's; nothing else was to go.
        requests.ShouldNotContain(static request => request.Verb.StartsWith("delete", StringComparison.Ordinal));
        // A hot loop would show as thousands; this is what all the changes, with all their repeats, may take.
        var most = requests
            .Where(IsChange)
            .GroupBy(static request => $"{request.Verb} {request.Resource}/{request.Name}/{request.Subresource}")
            .Select(static group => (What: group.Key, Count: group.Count()))
            .OrderByDescending(static group => group.Count)
            .First();
        most.Count.ShouldBeLessThan(60, most.What);
    }

    private static bool IsChange(AuditedRequest request) =>
        request.IsWrite && request.Resource is not ("events" or "leases" or "tokenreviews" or "subjectaccessreviews");

    private Task EachAsync(string ns, OperatorProcess @operator, IReadOnlyList<string> names, Func<JsonNode, string?> wrong) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var all = (await own.Cluster.Kubectl.GetAsync("fleets", "-n", ns))["items"]!.AsArray();
                var stranded = names
                    .Select(name => all.FirstOrDefault(one => (string)one!["metadata"]!["name"]! == name))
                    .Select(one =>
                        one is null ? "missing"
                        : wrong(one) is { } text ? $"{one["metadata"]!["name"]} {text}: {one["status"]?.ToJsonString()}"
                        : null
                    )
                    .OfType<string>()
                    .ToList();
                return stranded.Count == 0 ? null : $"{string.Join('\n', stranded)}\n{Tail(@operator)}";
            },
            Patience
        );

    private Task EventAsync(string ns, string fleet, string reason) =>
        Eventually.HoldsAsync(
            async () =>
            {
                var events = await own.Cluster.Kubectl.GetAsync("events.events.k8s.io", "-n", ns);
                return events["items"]!
                    .AsArray()
                    .Any(one => (string?)one!["reason"] == reason && (string?)one["regarding"]!["name"] == fleet)
                    ? null
                    : events.ToJsonString();
            },
            Patience
        );

    private Task PatchAsync(string ns, string fleet, string patch) =>
        own.Cluster.Kubectl.RunAsync("patch", "fleet", fleet, "-n", ns, "--type=merge", "-p", patch);

    private static string Tail(OperatorProcess @operator) => @operator.Log[^Math.Min(6000, @operator.Log.Length)..];

    private static bool IsReady(JsonNode fleet) =>
        (string?)Condition(fleet, "Ready")?["status"] == "True"
        && (int?)fleet["status"]!["observedGeneration"] == (int?)fleet["metadata"]!["generation"];

    private static int? Replicas(JsonNode fleet) => (int?)fleet["status"]?["replicas"];

    private static JsonNode? Condition(JsonNode fleet, string type) =>
        fleet["status"]?["conditions"]?.AsArray().FirstOrDefault(one => (string?)one!["type"] == type);

    private static string Manifest(string name) =>
        $$"""
            apiVersion: mooring.dev/v1alpha1
            kind: ConnectionFleet
            metadata: {name: {{name}} }
            spec:
              gateway: {replicas: 2, drain: {lameDuck: 100ms, deadline: 1s} }
              listeners:
              - {name: edge, protocol: TCP, port: 9000, backend: far}
              backends:
              - {name: far, addresses: [{address: "192.0.2.1:80"}]}
            """;
}
