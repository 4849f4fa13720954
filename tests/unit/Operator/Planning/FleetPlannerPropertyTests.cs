using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Contracts;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Entities.Schema;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

public sealed partial class FleetPlannerPropertyTests
{
    [Fact]
    public void Plan_SameFleetInOtherWords_IsTheSame() =>
        ForAll(
            (manifest, seed) =>
            {
                var fleet = Fleets.Load(manifest.ToJsonString());
                // With every default written out, in YAML, keys shuffled, durations in seconds.
                var explicitly = JsonSerializer.SerializeToNode(fleet, FleetJson.Default.ConnectionFleet)!;
                var reworded = Fleets.Load(YamlWriter.Write(FleetGenerator.Reword(explicitly, new Random(seed))));

                Text(Plan(reworded)).ShouldBe(Text(Plan(fleet)));
            }
        );

    [Fact]
    public void Plan_EveryObject_HasAValidNameAndLabels() =>
        ForAll(
            (manifest, _) =>
            {
                foreach (var one in Plan(Fleets.Load(manifest.ToJsonString())).Objects)
                {
                    DnsLabel().IsMatch(one.Metadata.Name!).ShouldBeTrue(one.Metadata.Name);
                    // A pod's name adds 17 characters to its Deployment's, and is its host name.
                    one.Metadata.Name!.Length.ShouldBeLessThanOrEqualTo(one is Deployment ? 46 : 63);
                    var labels = one.Metadata.Labels!.Concat((one as Deployment)?.Spec!.Template!.Metadata!.Labels ?? []);
                    labels.ShouldAllBe(label => LabelValue().IsMatch(label.Value) && label.Value.Length <= 63);
                }
            }
        );

    [Fact]
    public void Plan_Objects_AreAllDifferent() =>
        ForAll(
            (manifest, _) =>
                Plan(Fleets.Load(manifest.ToJsonString()))
                    .Objects.GroupBy(one => (one.Kind, one.Metadata.Name))
                    .ShouldAllBe(group => group.Count() == 1)
        );

    [Fact]
    public void Plan_ConfigMap_IsReadAsTheConfig() =>
        ForAll(
            (manifest, _) =>
            {
                var plan = Plan(Fleets.Load(manifest.ToJsonString()));

                var json = plan.Objects.OfType<ConfigMap>().Single().Data!["gateway.json"];

                ContractsJson.Hash(ContractsJson.ParseConfig(Encoding.UTF8.GetBytes(json))).ShouldBe(plan.ConfigHash);
            }
        );

    [Fact]
    public void Plan_BindPorts_AreFreeAndUnprivileged() =>
        ForAll(
            (manifest, _) =>
            {
                var bound = Plan(Fleets.Load(manifest.ToJsonString()))
                    .Config.Listeners.Select(listener => listener.BindPort == 0 ? listener.Port : listener.BindPort)
                    .ToList();

                bound.ShouldBeUnique();
                bound.ShouldAllBe(port => port >= 1024 && port <= 65535 && port != 9090);
            }
        );

    [Fact]
    public void Plan_ListenersAndBackendsChange_RevisionStays() =>
        ForAll(
            (manifest, _) =>
            {
                var fleet = Fleets.Load(manifest.ToJsonString());
                var other = fleet with
                {
                    Spec = fleet.Spec with
                    {
                        Listeners =
                        [
                            new ListenerSpec
                            {
                                Name = "only",
                                Protocol = Protocols.Tcp,
                                Port = 81,
                                Backend = "only",
                            },
                        ],
                        Backends = [new BackendSpec { Name = "only", Addresses = [new AddressSpec { Address = "a:1" }] }],
                        Gateway = fleet.Spec.Gateway with { Replicas = 7, Capacity = null },
                    },
                };

                Plan(other).Revision.ShouldBe(Plan(fleet).Revision);
            }
        );

    private static void ForAll(Action<JsonObject, int> check) =>
        Prop.ForAll(
                FleetGenerator.Manifest().ToArbitrary(),
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                (manifest, seed) => check(manifest, seed)
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(60));

    private static FleetPlan Plan(ConnectionFleet fleet) =>
        FleetPlanner.Plan(new FleetInput { Fleet = fleet, Stream = new StreamEndpoint("wss://operator/stream/v1", "ca") });

    private static string Text(FleetPlan plan) =>
        string.Join(
            '\n',
            plan.Objects.Select(one => Encoding.UTF8.GetString(ResourcesJson.Serialize(one))).Append(plan.ConfigHash).Append(plan.Revision)
        );

    [GeneratedRegex("^[a-z]([-a-z0-9]*[a-z0-9])?$")]
    private static partial Regex DnsLabel();

    [GeneratedRegex("^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$")]
    private static partial Regex LabelValue();
}
