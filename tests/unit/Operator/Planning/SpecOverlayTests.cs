using Mooring.Operator.Entities;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Tests.Planning;

public sealed class SpecOverlayTests
{
    private static readonly FleetSpec Good = new()
    {
        Gateway = new GatewaySpec { Replicas = 2, Image = "good" },
        Scaling = new ScalingSpec { MaxReplicas = 9 },
    };

    [Theory]
    [InlineData(2, false, false, false)]
    [InlineData(3, false, false, true)]
    [InlineData(2, true, false, true)]
    [InlineData(2, false, true, true)]
    public void Put_TakesReplicasAndPauses_AndNothingElse(int replicas, bool paused, bool scaleInPaused, bool changes)
    {
        var live = new FleetSpec
        {
            Gateway = new GatewaySpec { Replicas = replicas, Image = "bad" },
            Scaling = new ScalingSpec
            {
                MaxReplicas = 1,
                Paused = paused,
                ScaleInPaused = scaleInPaused,
            },
        };

        var overlaid = SpecOverlay.Put(Good, live);

        (overlaid is not null).ShouldBe(changes);
        if (overlaid is { Scaling: { } scaling })
        {
            (overlaid.Gateway.Replicas, overlaid.Gateway.Image).ShouldBe((replicas, "good"));
            (scaling.Paused, scaling.ScaleInPaused, scaling.MaxReplicas).ShouldBe((paused, scaleInPaused, 9));
        }
    }

    [Fact]
    public void Put_ScalingTakenAwayOrNew_StaysAsItWas()
    {
        SpecOverlay.Put(Good, Good with { Scaling = null }).ShouldBeNull();
        var without = Good with { Scaling = null };
        SpecOverlay.Put(without, Good with { Scaling = new ScalingSpec { Paused = true } }).ShouldBeNull();
        SpecOverlay.Put(without, Good with { Gateway = new GatewaySpec { Replicas = 5 } })!.Scaling.ShouldBeNull();
    }
}
