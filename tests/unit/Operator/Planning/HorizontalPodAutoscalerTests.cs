using Mooring.Kubernetes.Models;
using Mooring.Operator.Entities;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

/// <summary>What the autoscaler is asked for, on clusters that know a tolerance and on those that drop it.</summary>
public sealed class HorizontalPodAutoscalerTests
{
    private static readonly ScalingSpec Scaling = new()
    {
        Driver = ScalingDrivers.HorizontalPodAutoscaler,
        MinReplicas = 3,
        MaxReplicas = 20,
    };

    [Fact]
    public void Render_NotThereYet_HasTheSpecsBoundsAndNoToleranceOfItsOwn()
    {
        var spec = Render(live: null, recommended: 11).Spec!;

        (spec.MinReplicas, spec.MaxReplicas).ShouldBe((3, 20));
        (spec.Behavior!.ScaleUp!.Tolerance, spec.Behavior.ScaleDown!.Tolerance).ShouldBe(("0", "0"));
    }

    [Fact]
    public void Render_ToleranceKept_KeepsTheSpecsBounds()
    {
        var spec = Render(Live(tolerance: "0"), recommended: 11).Spec!;

        (spec.MinReplicas, spec.MaxReplicas).ShouldBe((3, 20));
    }

    [Theory]
    [InlineData(11, 11)]
    [InlineData(3, 3)]
    [InlineData(0, 1)]
    public void Render_ToleranceDropped_TheBoundsSayTheNumber(int recommended, int bound)
    {
        var spec = Render(Live(tolerance: null), recommended).Spec!;

        (spec.MinReplicas, spec.MaxReplicas).ShouldBe((bound, bound));
        // Still asked for: a cluster may learn it.
        spec.Behavior!.ScaleUp!.Tolerance.ShouldBe("0");
    }

    [Fact]
    public void Render_ToleranceDroppedAndNothingRecommended_KeepsTheSpecsBounds()
    {
        var spec = Render(Live(tolerance: null), recommended: null).Spec!;

        (spec.MinReplicas, spec.MaxReplicas).ShouldBe((3, 20));
    }

    /// <summary>It would put a number beyond its bounds, which somebody set by hand in the pause, back.</summary>
    [Theory]
    [InlineData(false, 1)]
    [InlineData(true, 0)]
    public void Plan_WhileScalingIsPaused_HasNoAutoscaler(bool paused, int autoscalers)
    {
        var fleet = Fleets.Load(Fleets.Small);
        fleet.Spec.Scaling = Scaling with { Paused = paused };

        var plan = FleetPlanner.Plan(new FleetInput { Fleet = fleet, DefaultGatewayImage = "gateway" });

        plan.Objects.OfType<HorizontalPodAutoscaler>().Count().ShouldBe(autoscalers);
        plan.Objects.OfType<Deployment>().ShouldNotBeEmpty();
    }

    private static HorizontalPodAutoscaler Render(HorizontalPodAutoscaler? live, int? recommended) =>
        HorizontalPodAutoscalerRenderer.Render(Fleets.Load(Fleets.Small), Scaling, live, recommended);

    private static HorizontalPodAutoscaler Live(string? tolerance)
    {
        var live = Render(live: null, recommended: null);
        live.Spec!.Behavior!.ScaleUp!.Tolerance = tolerance;
        live.Spec.Behavior.ScaleDown!.Tolerance = tolerance;
        return live;
    }
}
