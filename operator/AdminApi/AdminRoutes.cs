using System.Text.Json.Serialization.Metadata;
using Mooring.Contracts.Stream;
using Mooring.Operator.Dashboard;
using Mooring.Operator.Scaling;

namespace Mooring.Operator.AdminApi;

/// <summary>Every operation of the admin API.</summary>
internal static class AdminRoutes
{
    private const string Fleet = "/api/v1/fleets/{namespace}/{name}";
    private static readonly AdminJson Json = AdminJson.Default;

    /// <param name="version">Of the operator.</param>
    public static IReadOnlyList<AdminRoute> All(string version) =>
        [
            Read(
                "/api/v1/cluster/status",
                "getClusterStatus",
                "Everything that this operator looks after, in figures",
                AccessRule.List,
                Json.ClusterStatus,
                call => AdminFigures.Status(call.Administration.Fleets(), call.Administration.Mode, version)
            ),
            Read(
                "/api/v1/capacity",
                "getCapacity",
                "Whether all fleets together can take more",
                AccessRule.List,
                Json.CapacityAnswer,
                static call => AdminFigures.Capacity(call.Fleets())
            ) with
            {
                TakesNamespace = true,
            },
            Read(
                "/api/v1/backends",
                "listBackends",
                "The backends as each gateway sees them",
                AccessRule.List,
                Json.BackendsAnswer,
                static call => BackendsAnswer.Of(call.Fleets().Select(static fleet => fleet.View))
            ) with
            {
                TakesNamespace = true,
            },
            Read(
                "/api/v1/fleets",
                "listFleets",
                "All fleets",
                AccessRule.List,
                Json.IReadOnlyListFleetOverview,
                static call => (IReadOnlyList<FleetOverview>)[.. call.Fleets().Select(static fleet => fleet.Overview)]
            ) with
            {
                TakesNamespace = true,
            },
            Read(Fleet, "getFleet", "One fleet", AccessRule.Get, Json.FleetOverview, static call => call.Fleet!.Overview),
            Read(
                $"{Fleet}/stats",
                "getFleetStats",
                "A fleet's gateways in figures",
                AccessRule.Get,
                Json.FleetStats,
                static call => AdminFigures.Stats(call.Fleet!)
            ),
            Read(
                $"{Fleet}/capacity",
                "getFleetCapacity",
                "Whether a fleet can take more",
                AccessRule.Get,
                Json.CapacityAnswer,
                static call => AdminFigures.Capacity([call.Fleet!])
            ),
            new AdminRoute
            {
                Method = HttpMethods.Get,
                Path = $"{Fleet}/tunnels",
                Id = "listFleetTunnels",
                Summary = "A fleet's reverse tunnels with their histories: open ones, and the last that ended",
                Access = AccessRule.Get,
                Answer = Json.TunnelsAnswer,
                Queries = TunnelQuery.Parameters,
                Handle = static call =>
                {
                    var query = TunnelQuery.Read(call.Http.Request.Query);
                    return Task.FromResult(
                        query.Succeeded
                            ? AdminReply.Of(TunnelsAnswer.Of(call.Fleet!.View, query.Value), Json.TunnelsAnswer)
                            : new AdminReply([], query.Problem)
                    );
                },
            },
            new AdminRoute
            {
                Method = HttpMethods.Get,
                Path = $"{Fleet}/hub/slow",
                Id = "listFleetSlowConsumers",
                Summary = "Clients of a fleet's Hubs that do not take what is sent to them",
                Access = AccessRule.Get,
                Answer = Json.SlowConsumersAnswer,
                Handle = static async call =>
                    AdminReply.Of(
                        SlowConsumersAnswer.Of(
                            await call.Administration.AskAsync(call.Fleet!, QuestionKind.SlowConsumers, call.Cancellation)
                        ),
                        Json.SlowConsumersAnswer
                    ),
            },
            Scale("scale-up", "scaleUp", "Ask for more gateways, spec.scaling.maxReplicas at most", +1),
            Scale("scale-down", "scaleDown", "Ask for fewer gateways, spec.scaling.minReplicas at least; the surplus drains first", -1),
            Pause("pause", "pauseFleet", "Set spec.paused: what runs goes on running, and nothing is changed", PauseScope.Fleet, true),
            Pause("resume", "resumeFleet", "Take spec.paused back", PauseScope.Fleet, false),
            Pause("scaling/pause", "pauseScaling", "Set spec.scaling.paused: the number stays as it is", PauseScope.Scaling, true),
            Pause("scaling/resume", "resumeScaling", "Take spec.scaling.paused back", PauseScope.Scaling, false),
            Hold("cordon", "cordonGateway", "No new connections for the gateway; another takes its place", GatewayHold.Cordon),
            Hold("uncordon", "uncordonGateway", "Take a cordon or drain back", null),
            Hold("drain", "drainGateway", "Replace the gateway: its connections are sent away at the fleet's pace", GatewayHold.Drain),
        ];

    private static AdminRoute Read<T>(
        string path,
        string id,
        string summary,
        AccessRule access,
        JsonTypeInfo<T> answer,
        Func<AdminCall, T> read
    ) =>
        new()
        {
            Method = HttpMethods.Get,
            Path = path,
            Id = id,
            Summary = summary,
            Access = access,
            Answer = answer,
            Handle = call => Task.FromResult(AdminReply.Of(read(call), answer)),
        };

    private static AdminRoute Change<T>(
        string path,
        string id,
        string summary,
        AccessRule access,
        JsonTypeInfo<T> answer,
        Func<AdminCall, Task<AdminOutcome<T>>> change
    )
        where T : class =>
        new()
        {
            Method = HttpMethods.Post,
            Path = $"{Fleet}/{path}",
            Id = id,
            Summary = summary,
            Access = access,
            Answer = answer,
            Handle = async call => AdminReply.Of(await change(call), answer),
        };

    private static AdminRoute Scale(string path, string id, string summary, int sign) =>
        Change(
            path,
            id,
            summary,
            AccessRule.Scale,
            Json.ScaleAnswer,
            call => call.Administration.ScaleAsync(call.Fleet!, sign * call.Body!.Instances, call.Caller, call.Cancellation)
        ) with
        {
            TakesBody = true,
        };

    private static AdminRoute Pause(string path, string id, string summary, PauseScope scope, bool paused) =>
        Change(
            path,
            id,
            summary,
            AccessRule.Update,
            Json.PauseAnswer,
            call => call.Administration.PauseAsync(call.Fleet!, scope, paused, call.Caller, call.Cancellation)
        );

    private static AdminRoute Hold(string path, string id, string summary, GatewayHold? hold) =>
        Change(
            $"gateways/{{gateway}}/{path}",
            id,
            summary,
            AccessRule.Gateways,
            Json.HoldAnswer,
            call => call.Administration.HoldAsync(call.Fleet!, call.Gateway, hold, call.Caller, call.Cancellation)
        );
}
