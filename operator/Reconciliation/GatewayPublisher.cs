using Mooring.Contracts.Stream;
using Mooring.Kubernetes.Models;
using Mooring.Operator.Gateways;
using Mooring.Operator.Planning;

namespace Mooring.Operator.Reconciliation;

/// <summary>Tells a fleet's gateways their config and endpoints over the stream. Makes no request of the API server. Thread-safe for different fleets.</summary>
internal sealed class GatewayPublisher(GatewayHub hub)
{
    /// <summary>Pushes what has changed. Returns why it cannot be pushed, or null.</summary>
    public ApplyProblem? Publish(ObjectKey fleet, FleetPlan plan, IReadOnlyDictionary<string, IReadOnlyList<EndpointInfo>> endpoints)
    {
        // A pause holds the config, not the world: pods of backends come and go all the same.
        if (plan.Paused && !IsInForce(hub.View(fleet.ToString()), plan.ConfigHash))
        {
            return null;
        }

        try
        {
            if (plan.Tuning.Message is { } tuning && !plan.Paused)
            {
                hub.SetTuning(fleet.ToString(), tuning);
            }

            hub.SetDesired(
                fleet.ToString(),
                new FleetDesired
                {
                    Config = plan.Config,
                    Endpoints = endpoints,
                    EndpointClosesPerSecond = plan.EndpointClosesPerSecond,
                    Withheld = plan.Withheld,
                }
            );
            return null;
        }
        catch (ArgumentException error)
        {
            return new ApplyProblem(ApplyProblemReason.Invalid, "gateways", error.Message);
        }
    }

    /// <summary>Whether the gateways have this config. A new leader has told them none, and goes by what they say they have.</summary>
    private static bool IsInForce(FleetView view, string hash) =>
        view.DesiredHash is { } told ? told == hash : view.Gateways.Count > 0 && view.Gateways.All(gateway => gateway.ConfigHash == hash);
}
