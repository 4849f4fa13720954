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
        if (plan.Paused && hub.View(fleet.ToString()).DesiredHash != plan.ConfigHash)
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
                }
            );
            return null;
        }
        catch (ArgumentException error)
        {
            return new ApplyProblem(ApplyProblemReason.Invalid, "gateways", error.Message);
        }
    }
}
