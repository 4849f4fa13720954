using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging.Abstractions;
using Mooring.Kubernetes.Client;
using Mooring.Kubernetes.Configuration;
using Mooring.Kubernetes.Controllers;
using Mooring.Kubernetes.Events;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Planning.Tuning;
using Mooring.Operator.Reconciliation;
using Mooring.Operator.Scaling;
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
        var hub = new GatewayHub(_time);
        _finalizer = new FleetFinalizer(
            _caches,
            new PlanApplier(_client, _caches, _time),
            new StatusWriter(_client, _time),
            new FleetEvents(_recorder),
            hub,
            new DirectiveSender(hub, 1, _time),
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
