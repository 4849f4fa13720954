using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;
using Mooring.Operator.Scaling;
using Mooring.Operator.Scaling.Autoscaling;
using Mooring.Operator.Tests.Planning.Workloads;

namespace Mooring.Operator.Tests.Planning;

/// <summary>A gateway whose node is gone for good: its pod stays Terminating for hours, and holds nothing up once the time that it had is over.</summary>
public sealed class LostGatewayTests
{
    private static readonly DateTimeOffset Now = WorkloadRig.Start;

    [Theory]
    [InlineData(-60, true)]
    // It still closes what it has.
    [InlineData(1, false)]
    public void Rebalance_OneIsLost_TheOthersAreEvenedOut(int minutesToItsEnd, bool sheds)
    {
        var input = Input("scaling: {rebalance: {maxSkewPercent: 10, movesPerSecond: 50}}", minutesToItsEnd) with
        {
            View = View([Gateway("g-0", 9000), Gateway("g-1", 1000)]),
        };

        FleetOrders.Decide(input, SequencePhase.Complete, emptying: false).Orders.Any(IsShed).ShouldBe(sheds);
    }

    [Fact]
    public void Rebalance_OneIsBackOnItsStreamPastItsEnd_Waits()
    {
        var input = Input("scaling: {rebalance: {maxSkewPercent: 10, movesPerSecond: 50}}", -60) with
        {
            View = View([Gateway("g-0", 9000), Gateway("g-1", 1000), Gateway("lost", 0) with { Report = null }]),
        };

        FleetOrders.Decide(input, SequencePhase.Complete, emptying: false).Orders.ShouldNotContain(static order => IsShed(order));
    }

    [Theory]
    [InlineData(-60, 30, 100)]
    [InlineData(1, 30, 0)]
    // Until the last directive's time to live is over.
    [InlineData(-60, 1, 0)]
    public void Drain_TheLostOneHadTheWholeRate_AnotherHasItThen(int minutesToItsEnd, int minutesAway, double share)
    {
        var mark = new DrainMark(DrainCauses.Rollout, Now.AddMinutes(-1), Now.AddMinutes(-1), Now.AddMinutes(8));
        var input = Input("", minutesToItsEnd, mark) with
        {
            View = View([Gateway("g-0", 50), Gateway("g-1", 50)]) with
            {
                Departed =
                [
                    new DepartedGateway(
                        "lost",
                        Now.AddMinutes(-minutesAway),
                        new DirectiveMessage
                        {
                            Kind = DirectiveKind.Drain,
                            Epoch = 1,
                            Sequence = 1,
                            ClosesPerSecond = 100,
                        }
                    ),
                ],
            },
        };

        var order = FleetOrders.Decide(input, SequencePhase.Complete, emptying: false).Orders.Single(static one => one.Gateway == "g-0");

        order.Kind.ShouldBe(share > 0 ? DirectiveKind.Drain : DirectiveKind.Cordon);
        order.ClosesPerSecond.ShouldBe(share);
    }

    [Theory]
    [InlineData(-60, 1, ScalingReason.LoadLow)]
    [InlineData(1, 2, ScalingReason.NoReports)]
    public void Workload_OneGatewayIsLost_IsScaledIn(int minutesToItsEnd, int wanted, ScalingReason reason)
    {
        var rig = new WorkloadRig
        {
            Pods = [WorkloadRig.Pod("a"), WorkloadRig.Pod("b"), Lost(minutesToItsEnd)],
            Gateways = [WorkloadRig.Gateway("g-0", Now, ("a", 10), ("b", 10))],
        };

        var plan = rig.Workload();

        (plan.Replicas, plan.Scaling!.Reason).ShouldBe((wanted, reason), plan.Scaling.Message);
    }

    /// <summary>With nobody on it, the pod that is to go is found empty.</summary>
    [Fact]
    public void Workload_OneGatewayIsLost_AnEmptyPodIsDrained()
    {
        var mark = new DrainMark(DrainCauses.ScaleIn, Now.AddSeconds(-10), Now.AddSeconds(-10), Now.AddMinutes(1));
        var rig = new WorkloadRig
        {
            Pods = [WorkloadRig.Pod("a"), WorkloadRig.Pod("b", mark), Lost(-60)],
            Gateways = [WorkloadRig.Gateway("g-0", Now, ("a", 10), ("b", 0))],
        };

        rig.Plan().WorkloadMarks.ShouldHaveSingleItem().After!.Drained.ShouldBeTrue();
    }

    [Theory]
    [InlineData(-60, 30, 25)]
    // The rate is halved while a gateway drains.
    [InlineData(1, 30, 8.333)]
    [InlineData(-60, 1, 8.333)]
    public void Workload_OneGatewayIsLost_TheOthersHaveItsPartOfThePace(int minutesToItsEnd, int minutesAway, double pace)
    {
        var mark = new DrainMark(DrainCauses.ScaleIn, Now.AddSeconds(-10), Now.AddSeconds(-10), Now.AddMinutes(1));
        var input = new WorkloadRig
        {
            Pods = [WorkloadRig.Pod("a"), WorkloadRig.Pod("b", mark), Lost(minutesToItsEnd)],
            Gateways = [WorkloadRig.Gateway("g-0", Now, ("a", 90), ("b", 20)), WorkloadRig.Gateway("g-1", Now, ("b", 20))],
        }.Input();
        var departed = new DepartedGateway("lost", Now.AddMinutes(-minutesAway), null);

        var plan = FleetPlanner.Plan(input with { View = input.View! with { Departed = [departed] } });

        plan.EndpointClosesPerSecond.ShouldBe(pace);
    }

    [Theory]
    [InlineData(-60, 0)]
    [InlineData(1, 1)]
    public void Status_TheLostOneDrainsNoMore(int minutesToItsEnd, int draining)
    {
        var input = Input("", minutesToItsEnd) with { View = View([Gateway("g-0", 1), Gateway("g-1", 1)]) };

        var status = FleetStatusCalculator.Calculate(
            new StatusInput
            {
                Input = input,
                Plan = FleetPlanner.Plan(input),
                View = input.View,
                Now = Now,
            }
        );

        status.Gateways!.Draining.ShouldBe(draining);
    }

    private static bool IsShed(GatewayOrder order) => order.Kind == DirectiveKind.Shed;

    private static FleetInput Input(string scaling, int minutesToItsEnd, DrainMark? mark = null) =>
        new()
        {
            Fleet = Fleets.Load(
                $$$"""
                apiVersion: mooring.dev/v1alpha1
                kind: ConnectionFleet
                metadata: {name: demo, namespace: shop}
                spec:
                  gateway: {replicas: 2, drain: {reconnectsPerSecond: 100}}
                  listeners:
                  - {name: edge, protocol: TCP, port: 9000, backend: app}
                  backends:
                  - name: app
                    addresses: [{address: "192.0.2.1:80"}]
                  {{{scaling}}}
                """
            ),
            Now = Now,
            ListeningSince = Now.AddDays(-1),
            Pods = [Pod("g-0", mark), Pod("g-1"), Lost(minutesToItsEnd)],
        };

    private static Pod Lost(int minutesToItsEnd)
    {
        var pod = Pod("lost");
        pod.Metadata.DeletionTimestamp = Now.AddMinutes(minutesToItsEnd);
        pod.Metadata.DeletionGracePeriodSeconds = 60;
        return pod;
    }

    private static Pod Pod(string name, DrainMark? mark = null)
    {
        var pod = WorkloadRig.Pod(name, mark);
        pod.Metadata.Labels = new Dictionary<string, string>(ResourceLabels.ForGateway("demo"));
        return pod;
    }

    private static FleetView View(IReadOnlyList<GatewayView> gateways) => new() { Fleet = "shop/demo", Gateways = gateways };

    private static GatewayView Gateway(string name, int connections)
    {
        var view = WorkloadRig.Gateway(name, Now);
        return view with { Report = view.Report! with { Connections = connections } };
    }
}
