using System.Net.Sockets;

namespace Mooring.Operator.Host.Sockets;

/// <summary>Who is at the other end of a Unix socket, as the kernel tells it (SO_PEERCRED): no one can claim to be another.</summary>
internal static class PeerProcess
{
    /// <summary>Process id of the peer when it runs as the same user as this process; null for any other, or when the socket is no Unix socket.</summary>
    public static unsafe int? OfSameUser(Socket socket)
    {
        if (socket.AddressFamily != AddressFamily.Unix)
        {
            return null;
        }

        var held = false;
        try
        {
            socket.SafeHandle.DangerousAddRef(ref held);
            Processes.Libc.PeerCredentials peer;
            var length = (uint)sizeof(Processes.Libc.PeerCredentials);
            var descriptor = (int)socket.SafeHandle.DangerousGetHandle();
            return
                Processes.Libc.GetSocketOption(descriptor, Processes.Libc.SolSocket, Processes.Libc.SoPeerCred, &peer, &length) == 0
                && peer.UserId == Processes.Libc.EffectiveUserId()
                ? peer.ProcessId
                : null;
        }
        finally
        {
            if (held)
            {
                socket.SafeHandle.DangerousRelease();
            }
        }
    }
}
