using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Events;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Status;
using Mooring.Operator.Reconciliation;
using Mooring.Operator.Scaling;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Reconciliation;

/// <summary>That each decision about a fleet is told, with its own figures and the pod that it is about.</summary>
public sealed class FleetEventsTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private readonly ConnectionFleet _fleet = Fleets.Load(Fleets.Small);
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;
    private EventRecorder _recorder = null!;
    private FleetEvents _events = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = new KubernetesClient(
            new ClusterConfig { Server = _api.Address },
            new KubernetesClientOptions { FieldManager = "mooring-operator", QueriesPerSecond = 0 }
        );
        _recorder = new EventRecorder(_client, new EventRecorderOptions { ReportingController = "mooring.dev/operator" });
        _events = new FleetEvents(_recorder);
    }

    public async Task DisposeAsync()
    {
        await _recorder.DisposeAsync();
        _client.Dispose();
        await _api.DisposeAsync();
    }

    [Fact]
    public async Task Report_TwoScaleUps_EachWithItsFigures()
    {
        Report(Scaling(2, 2, "Steady", ""), Scaling(4, 2, "LoadHigh", "80 %"));
        Report(Scaling(4, 4, "Steady", ""), Scaling(8, 4, "LoadHigh", "90 %"));

        (await EventsAsync(2))
            .Select(static one => one.Note)
            .ShouldBe(["4 gateways instead of 2: 80 %", "8 gateways instead of 4: 90 %"], ignoreOrder: true);
    }

    [Fact]
    public async Task Report_TheFirstDecision_IsToldAgainstWhatIsThere()
    {
        Report(before: null, Scaling(10, 10, "Steady", "50 %"));
        Report(before: null, Scaling(2, 10, "LoadLow", "0 %"));

        await Until.TrueAsync(async () => (await ListAsync()).Count >= 1, Deadline, "the event");
        await _recorder.DisposeAsync();
        var told = (await ListAsync()).ShouldHaveSingleItem();
        (told.Reason, told.Note).ShouldBe(("ScaleDown", "2 gateways instead of 10: 0 %"));
    }

    [Fact]
    public async Task Report_AtTheMaximumWhileTheLoadWantsMore_WarnsOnce()
    {
        var limited = Scaling(8, 8, "AtMaximum", "9 would be needed");
        // On its way down to a maximum that was lowered: no.
        Report(Scaling(9, 9, "Steady", ""), Scaling(8, 9, "AtMaximum", ""));
        Report(Scaling(8, 8, "Steady", ""), limited);
        Report(limited, limited);

        await Until.TrueAsync(async () => (await ListAsync()).Any(static one => one.Reason == "ScalingLimited"), Deadline, "the warning");
        await _recorder.DisposeAsync();
        var warning = (await ListAsync()).Single(static one => one.Reason == "ScalingLimited");
        (warning.Type, warning.Note, warning.Series).ShouldBe(("Warning", "9 would be needed", null));
    }

    [Fact]
    public async Task Report_Marks_NameEachPod()
    {
        var at = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero);
        foreach (var name in new[] { "gw-1", "gw-2" })
        {
            _events.Report(_fleet, new MarkChange(name, null, new DrainMark(DrainCauses.Rollout, at)), "Gateway");
        }

        (await EventsAsync(2))
            .Select(static one => (one.Reason, one.Related!.Kind, one.Related.Name, one.Note))
            .ShouldBe(
                [
                    ("GatewayCordoned", "Pod", "gw-1", "gw-1 takes no new connections from now on (rollout)"),
                    ("GatewayCordoned", "Pod", "gw-2", "gw-2 takes no new connections from now on (rollout)"),
                ],
                ignoreOrder: true
            );
    }

    [Theory]
    [InlineData("Surging", 2, "revision b, 2 older gateways left")]
    [InlineData("Draining", 1, "revision b, 1 older gateway left")]
    [InlineData("Complete", 1, "revision b, 1 older gateway left, empty and on the way out")]
    [InlineData("Complete", 0, "revision b, no older gateway left")]
    public async Task Report_ARollout_SaysWhatIsLeft(string phase, int outdated, string note)
    {
        _events.Report(
            _fleet with
            {
                Status = new FleetStatus
                {
                    Rollout = new RolloutStatus { Revision = "a", Phase = "Complete" },
                },
            },
            new FleetStatus
            {
                Rollout = new RolloutStatus
                {
                    Revision = "b",
                    Phase = phase,
                    Outdated = outdated,
                },
            },
            ApplyReport.Nothing
        );

        (await EventsAsync(1)).ShouldHaveSingleItem().Note.ShouldBe(note);
    }

    private void Report(ScalingStatus? before, ScalingStatus now) =>
        _events.Report(
            _fleet with
            {
                Status = new FleetStatus { Scaling = before },
            },
            new FleetStatus { Scaling = now },
            ApplyReport.Nothing
        );

    private static ScalingStatus Scaling(int recommended, int replicas, string reason, string message) =>
        new()
        {
            Recommended = recommended,
            Replicas = replicas,
            Reason = reason,
            Message = message,
        };

    private async Task<List<Event>> ListAsync() => (await _client.ListAsync(Resources.Events, "shop")).Items;

    private async Task<List<Event>> EventsAsync(int count)
    {
        await Until.TrueAsync(async () => (await ListAsync()).Count >= count, Deadline, $"{count} events");
        return await ListAsync();
    }
}
