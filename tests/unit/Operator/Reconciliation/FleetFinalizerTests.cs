using System.Diagnostics.Metrics;
using System.Globalization;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.Events;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Metrics;
using Mooring.Operator.Planning;
using Mooring.Operator.Planning.Tuning;
using Mooring.Operator.Reconciliation;
using Mooring.Operator.Scaling;
using Mooring.Operator.Tests.Faults;
using Mooring.Testing;
using Mooring.Testing.ApiDouble;

namespace Mooring.Operator.Tests.Reconciliation;

public sealed class FleetFinalizerTests : IAsyncLifetime
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);
    private readonly CancellationTokenSource _stop = new();
    private readonly ManualTime _time = new();
    private readonly ConnectionFleet _fleet = Fleets.Load(Fleets.Small);
    private KubernetesApiDouble _api = null!;
    private KubernetesClient _client = null!;
    private FleetCaches _caches = null!;
    private EventRecorder _recorder = null!;
    private GatewayHub _hub = null!;
    private FleetMetrics _metrics = null!;
    private FleetFinalizer _finalizer = null!;
    private Task _following = null!;

    public async Task InitializeAsync()
    {
        _api = await KubernetesApiDouble.StartAsync();
        _client = new KubernetesClient(
            new ClusterConfig { Server = _api.Address },
            new KubernetesClientOptions { FieldManager = "mooring-operator", QueriesPerSecond = 0 }
        );
        _caches = new FleetCaches(_client, [], NullLoggerFactory.Instance);
        _recorder = new EventRecorder(_client, new EventRecorderOptions { ReportingController = "mooring.dev/operator" });
        _hub = new GatewayHub(_time);
        _metrics = new FleetMetrics(_hub);
        _finalizer = new FleetFinalizer(
            _caches,
            new PlanApplier(_client, _caches, _time),
            new StatusWriter(_client, _time),
            new FleetEvents(_recorder),
            _metrics,
            _hub,
            new DirectiveSender(_hub, 1, _time),
            _time
        );
        _following = _caches.RunAsync(_stop.Token);
        await _caches.WaitForSyncAsync(_stop.Token);
        _fleet.Metadata.DeletionTimestamp = _time.GetUtcNow();
    }

    public async Task DisposeAsync()
    {
        await _stop.CancelAsync();
        await _following.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _recorder.DisposeAsync();
        _metrics.Dispose();
        _client.Dispose();
        await _api.DisposeAsync();
        _stop.Dispose();
    }

    [Fact]
    public async Task Finalize_TunersThatNeverRan_IsDoneAtOnceAndWarnsOfNothing()
    {
        await PutTunerAsync(wasHeard: false);

        (await FinalizeAsync()).RequeueAfter.ShouldBeNull();

        (await EventsAsync()).ShouldBeEmpty();
    }

    [Theory]
    [InlineData("9m")]
    [InlineData("1s")]
    public async Task Finalize_NodesThatAreNotRestored_AreWaitedForFiveMinutes_WhateverADrainMayTake(string drain)
    {
        _fleet.Spec.Gateway.Drain = new DrainSpec { Deadline = drain };
        await PutTunerAsync(wasHeard: true);

        (await FinalizeAsync()).RequeueAfter.ShouldBe(NodeTuningPlan.RestoreDeadline);
        _time.Advance(TimeSpan.FromMinutes(4));
        (await FinalizeAsync()).RequeueAfter.ShouldBe(TimeSpan.FromMinutes(1));
        _time.Advance(TimeSpan.FromMinutes(1));
        (await FinalizeAsync()).RequeueAfter.ShouldBeNull();

        (await EventsAsync()).ShouldBe(["NodesNotRestored"]);
    }

    [Fact]
    public async Task Finalize_InTheForeground_IsWarnedOfOnce()
    {
        _fleet.Metadata.Finalizers = ["mooring.dev/drain", "foregroundDeletion"];
        await PutTunerAsync(wasHeard: true);

        await FinalizeAsync();
        await FinalizeAsync();

        (await EventsAsync()).ShouldBe(["DeletedInForeground"]);
    }

    [Fact]
    public async Task Finalize_GatewaysThatDrain_AreSaidWithWhatIsLeft_InStatusAndMetrics()
    {
        _fleet.Metadata.Uid = (string)OperatorOnDouble.PutFleet(_api)["metadata"]!["uid"]!;
        await PutGatewayAsync("g", _time.GetUtcNow());
        using var socket = WebSocket.CreateFromStream(Stream.Null, new WebSocketCreationOptions { IsServer = true });
        Join(socket, "g", connections: 5);

        (await FinalizeAsync()).RequeueAfter.ShouldNotBeNull();

        var rollout = _api.Find(OperatorOnDouble.FleetPath)!["status"]!["rollout"]!;
        ((int?)rollout["remaining"]).ShouldBe(5);
        ((int?)rollout["draining"]).ShouldBe(1);
        Remaining().ShouldBe(5);
    }

    /// <summary>Its pod may be Terminating for hours before the fleet is deleted.</summary>
    [Fact]
    public async Task Finalize_OneGatewayIsLost_TheOtherHasTheWholeRate()
    {
        _fleet.Metadata.Uid = (string)OperatorOnDouble.PutFleet(_api)["metadata"]!["uid"]!;
        _fleet.Spec.Gateway.Drain = new DrainSpec { ReconnectsPerSecond = 100 };
        await PutGatewayAsync("lost", _time.GetUtcNow().AddHours(-1));
        await PutGatewayAsync("g", _time.GetUtcNow().AddMinutes(9));
        _time.Advance(DirectiveSender.TimeToLive);
        using var socket = WebSocket.CreateFromStream(Stream.Null, new WebSocketCreationOptions { IsServer = true });
        Join(socket, "g", connections: 500);

        await FinalizeAsync();

        var order = _hub.View("shop/small").Gateways.ShouldHaveSingleItem().Directive.ShouldNotBeNull();
        (order.Kind, order.ClosesPerSecond).ShouldBe((DirectiveKind.Drain, 100));
    }

    private void Join(WebSocket socket, string gateway, int connections)
    {
        var hello = new HelloMessage
        {
            Fleet = "shop/small",
            Gateway = gateway,
            Version = "1",
        };
        var session = new GatewaySession(socket, hello, _hub, new StreamOptions(), _time, NullLogger.Instance);
        _hub.Join(session);
        _hub.Note(
            session,
            new ReportMessage
            {
                State = GatewayState.Draining,
                Connections = connections,
                Capacity = 1000,
            }
        );
    }

    /// <summary>Puts a pod in that is being deleted, and has until then.</summary>
    private async Task PutGatewayAsync(string name, DateTimeOffset until)
    {
        var labels = new JsonObject(
            ResourceLabels.ForGateway("small").Select(static one => KeyValuePair.Create(one.Key, (JsonNode?)one.Value))
        );
        _api.Put(
            "/api/v1/namespaces/shop/pods",
            new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Pod",
                ["metadata"] = new JsonObject
                {
                    ["name"] = name,
                    ["namespace"] = "shop",
                    ["labels"] = labels,
                    ["deletionTimestamp"] = until.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
                },
                ["spec"] = new JsonObject { ["nodeName"] = "node" },
                ["status"] = new JsonObject { ["phase"] = "Running" },
            }
        );
        await Until.TrueAsync(
            () => _caches.Pods.OfFleet(ObjectKey.Of(_fleet)).Any(pod => pod.Metadata.Name == name),
            Deadline,
            "the cache shows the pod"
        );
    }

    /// <summary>The gauge of connections that are left, of this test's own metrics.</summary>
    private long? Remaining()
    {
        long? remaining = null;
        using var listener = new MeterListener();
        listener.SetMeasurementEventCallback<long>((_, value, _, _) => remaining = value);
        listener.InstrumentPublished = (instrument, self) =>
        {
            if (instrument.Name == "mooring.fleet.draining.connections" && ReferenceEquals(instrument.Meter, _metrics.Meter))
            {
                self.EnableMeasurementEvents(instrument);
            }
        };
        listener.Start();
        listener.RecordObservableInstruments();
        return remaining;
    }

    private Task<ReconciliationResult<ConnectionFleet>> FinalizeAsync() => _finalizer.FinalizeAsync(_fleet, _stop.Token);

    /// <summary>Puts a DaemonSet in that is to run on three nodes and has no pod.</summary>
    private async Task PutTunerAsync(bool wasHeard)
    {
        var metadata = ObjectMetadata.For(_fleet, "small-tuner", ResourceLabels.ForTuner("small"));
        _api.Put(
            "/apis/apps/v1/namespaces/shop/daemonsets",
            new JsonObject
            {
                ["apiVersion"] = "apps/v1",
                ["kind"] = "DaemonSet",
                ["metadata"] = new JsonObject
                {
                    ["name"] = metadata.Name,
                    ["namespace"] = "shop",
                    ["labels"] = new JsonObject(metadata.Labels!.Select(static one => KeyValuePair.Create(one.Key, (JsonNode?)one.Value))),
                    ["annotations"] = wasHeard ? new JsonObject { ["mooring.dev/tuner-heard"] = "true" } : null,
                    ["ownerReferences"] = new JsonArray(
                        new JsonObject
                        {
                            ["apiVersion"] = FleetApi.ApiVersion,
                            ["kind"] = FleetApi.Kind,
                            ["name"] = "small",
                            ["uid"] = _fleet.Metadata.Uid,
                            ["controller"] = true,
                        }
                    ),
                },
                ["spec"] = new JsonObject(),
            }
        );
        _api.Edit(
            "/apis/apps/v1/namespaces/shop/daemonsets/small-tuner/status",
            static set => set["status"] = new JsonObject { ["desiredNumberScheduled"] = 3 }
        );
        await Until.TrueAsync(
            () => _caches.DaemonSets.OfFleet(ObjectKey.Of(_fleet)) is [{ Status.DesiredNumberScheduled: 3 }],
            Deadline,
            "the cache shows it"
        );
    }

    /// <summary>Reasons of all that was told.</summary>
    private async Task<IEnumerable<string?>> EventsAsync()
    {
        await _recorder.DisposeAsync();
        return _api.List("/apis/events.k8s.io/v1/events").Select(static one => (string?)one["reason"]);
    }
}
