using Mooring.Operator.Dashboard;
using Mooring.Operator.Entities;
using Mooring.Operator.Gateways;

namespace Mooring.Operator.AdminApi;

/// <summary>One fleet as the admin API sees it, at one moment. Immutable.</summary>
/// <param name="Entity">With its status.</param>
/// <param name="Overview">As people look at it.</param>
/// <param name="View">What its gateways say.</param>
internal sealed record AdminFleet(ConnectionFleet Entity, FleetOverview Overview, FleetView View)
{
    public string Namespace => Overview.Namespace;

    public string Name => Overview.Name;

    public PauseAnswer Pauses => new(Entity.Spec.Paused, Entity.Spec.Scaling?.Paused == true);
}
