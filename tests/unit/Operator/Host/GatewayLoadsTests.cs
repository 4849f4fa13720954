using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host;

namespace Mooring.Operator.Tests.Host;

public sealed class GatewayLoadsTests
{
    private static readonly DateTimeOffset Start = DateTimeOffset.UnixEpoch.AddYears(50);
    private static readonly DateTimeOffset Now = At(30);

    /// <summary>The endpoint drains since second 0, and it is second 30. Of a gateway: when it last reported, and connections; -: it is not heard.</summary>
    [Theory]
    [InlineData("", null, true)]
    [InlineData("29:0 29:0", null, true)]
    [InlineData("29:0 1:0", null, true)]
    [InlineData("29:0 29:1", null, false)]
    [InlineData("29:0 0:0", null, false)]
    [InlineData("29:0 -", null, false)]
    [InlineData("-", null, false)]
    [InlineData("29:0 ?", null, false)]
    // One that drained has handed its own over to one that has not reported since.
    [InlineData("29:0 20:0", 30, false)]
    [InlineData("29:0 20:0", 25, false)]
    [InlineData("20:0", 20, false)]
    [InlineData("29:0 21:0", 20, true)]
    [InlineData("", 30, false)]
    // The clock was set back since.
    [InlineData("29:0 90:0", null, false)]
    public void AreWithout_WhatTheyHaveSaid_IsOfAfterTheLastThatCouldCome(string gateways, int? movedAt, bool expected)
    {
        var loads = new GatewayLoads(
            [.. gateways.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(View)],
            movedAt is { } seconds ? At(seconds) : default
        );

        loads.AreWithout("echo-0", Start, Now).ShouldBe(expected);
    }

    [Fact]
    public void AreWithout_DrainThatHasJustBegun_IsTooEarly() =>
        new GatewayLoads([], default).AreWithout("echo-0", Now, Now).ShouldBeFalse();

    private static DateTimeOffset At(int seconds) => Start.AddSeconds(seconds);

    private static GatewayView? View(string text)
    {
        if (text == "-")
        {
            return null;
        }

        var view = new GatewayView
        {
            Hello = new HelloMessage
            {
                Fleet = "default/f",
                Gateway = "f-gateway-0",
                Version = "1",
            },
            ConnectedAt = Start,
            SeenAt = Now,
        };
        return text.Split(':') is [var at, var connections]
            ? view with
            {
                ReportedAt = At(int.Parse(at)),
                Report = new ReportMessage
                {
                    State = GatewayState.Serving,
                    Connections = int.Parse(connections),
                    Capacity = 100,
                    Backends =
                    [
                        new BackendLoad
                        {
                            Name = "echo",
                            Endpoints =
                            [
                                new EndpointLoad { Id = "echo-0", Connections = int.Parse(connections) },
                                new EndpointLoad { Id = "echo-1", Connections = 7 },
                            ],
                        },
                    ],
                },
            }
            : view;
    }
}
