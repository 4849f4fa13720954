using Mooring.Gateway.Backends;

namespace Mooring.Gateway.Listeners;

/// <summary>An endpoint that was connected for an upgrade and has not switched.</summary>
/// <param name="Endpoint">Which.</param>
/// <param name="Backend">Index of its backend.</param>
/// <param name="Sent">Bytes that it sent.</param>
internal sealed record AnsweredBy(EndpointState Endpoint, ushort Backend, long Sent);
