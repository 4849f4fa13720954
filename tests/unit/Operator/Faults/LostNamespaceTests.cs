using System.Text.Json.Nodes;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;
using static Mooring.Operator.Tests.Faults.OperatorOnDouble;

namespace Mooring.Operator.Tests.Faults;

/// <summary>One of the watched namespaces may not be read any more: that is its own trouble, and none of the others'.</summary>
public sealed class LostNamespaceTests : IAsyncLifetime
{
    private const string Gone = "/namespaces/gone/";
    private const string GoneFleet = "/apis/mooring.dev/v1alpha1/namespaces/gone/connectionfleets/small";

    private KubernetesApiDouble _api = null!;

    public async Task InitializeAsync() => _api = await KubernetesApiDouble.StartAsync();

    public async Task DisposeAsync() => await _api.DisposeAsync();

    [Theory]
    [InlineData("")]
    // The operator's rights on fleets do not go with the namespace's Role.
    [InlineData("/connectionfleets")]
    public async Task FromTheStart_TheOthersAreServed_AndItIsTakenUpOnceItMayBeRead(string readable)
    {
        PutFleet(_api);
        PutFleet(_api, ns: "gone");
        Lose(readable);
        await using var @operator = Start(_api, namespaces: ["gone", "shop"]);

        await ConvergedAsync(_api);
        await Until.TrueAsync(() => @operator.IsReady, Patience, "it is ready");
        Condition(_api, "Degraded").ShouldNotBeNull().Status.ShouldBe("False");
        _api.List("/api/v1/configmaps").ShouldAllBe(static map => (string)map["metadata"]!["namespace"]! == "shop");

        _api.ClearFaults();

        await Until.TrueAsync(
            () => Children(_api).Count == 14 && Condition(_api, fleet: GoneFleet) is { Reason: "GatewaysNotReady" },
            Patience,
            "the fleet of the other namespace"
        );
    }

    [Fact]
    public async Task Later_TheOthersAreNotDegraded_AndNothingOfItIsTakenForGone()
    {
        PutFleet(_api);
        PutFleet(_api, ns: "gone");
        await using var @operator = Start(_api, namespaces: ["gone", "shop"]);
        await Until.TrueAsync(() => Children(_api).Count == 14, Patience, "both fleets");
        var made = Children(_api);

        Lose("");
        _api.Compact();
        _api.BreakWatches();
        await Until.TrueAsync(
            () => Condition(_api, "Degraded", GoneFleet) is { Status: "True", Reason: "Forbidden" },
            Patience,
            "what the fleet that is not seen is told"
        );
        var changed = _api.Edit(FleetPath, static fleet => fleet["spec"]!["gateway"] = new JsonObject { ["replicas"] = 3 });
        await Until.TrueAsync(
            () => (long?)_api.Find(FleetPath)!["status"]?["observedGeneration"] == (long)changed["metadata"]!["generation"]!,
            Patience,
            "the other fleet was looked at"
        );

        Condition(_api, "Degraded").ShouldNotBeNull().Status.ShouldBe("False");
        Children(_api).ShouldBe(made);
        @operator.IsReady.ShouldBeTrue();
    }

    /// <param name="readable">How the paths end that may be read all the same; empty: none.</param>
    private void Lose(string readable) =>
        _api.AddFault(
            new Fault
            {
                Match = request =>
                    !request.IsWrite
                    && request.Path.Contains(Gone, StringComparison.Ordinal)
                    && (readable.Length == 0 || !request.Path.EndsWith(readable, StringComparison.Ordinal)),
                Times = int.MaxValue,
                Status = 403,
                Reason = "Forbidden",
            }
        );
}
