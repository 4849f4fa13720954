using Mooring.Operator.Scaling;

namespace Mooring.Operator.Planning;

/// <summary>A gateway of host mode.</summary>
/// <param name="Gateway">As the sequence sees it.</param>
/// <param name="Failure">Why it last ended, or did not start; null: it has served for the least time since, or never failed.</param>
public sealed record GatewayProcess(SequenceGateway Gateway, string? Failure);
