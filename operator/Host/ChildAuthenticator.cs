using Microsoft.AspNetCore.Connections.Features;
using Mooring.Contracts.Stream;
using Mooring.Operator.Gateways;
using Mooring.Operator.Host.Sockets;

namespace Mooring.Operator.Host;

/// <summary>Lets in the gateways that the supervisor started itself, known by the process id that the kernel tells of the Unix socket's peer.</summary>
/// <param name="nameOf">Name of the gateway that a process of a fleet is; null for a stranger. For any thread.</param>
internal sealed class ChildAuthenticator(Func<string, int, Task<string?>> nameOf) : IGatewayAuthenticator
{
    public async ValueTask<string?> RefuseAsync(HttpContext context, HelloMessage hello, CancellationToken cancellation)
    {
        if (hello.Role != StreamRole.Gateway)
        {
            return "host mode has no tuners";
        }

        if (context.Features.Get<IConnectionSocketFeature>()?.Socket is not { } socket || PeerProcess.OfSameUser(socket) is not { } process)
        {
            return "streams come by the Unix socket, from the same user";
        }

        if (process != hello.ProcessId)
        {
            return $"it is process {process} and says {hello.ProcessId}";
        }

        return await nameOf(hello.Fleet, process).WaitAsync(cancellation) == hello.Gateway
            ? null
            : $"process {process} is not that gateway";
    }
}
