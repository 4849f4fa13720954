using System.Net.Security;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Mooring.Operator.Tests.Run;

public sealed partial class TlsBuffersTests
{
    // openssl/ssl.h: SSL_CTRL_MODE and SSL_MODE_RELEASE_BUFFERS.
    private const int ControlMode = 33;
    private const nint ReleaseBuffers = 0x10;

    [Fact]
    public async Task Handshake_ThroughServerTls_KeepsNoEmptyBuffers() =>
        await ServerTlsTests.ShakeAsync(static serving =>
            (Control(HandleOf(serving), ControlMode, 0, 0) & ReleaseBuffers).ShouldBe(ReleaseBuffers)
        );

    // There is no public way to it.
    private static nint HandleOf(SslStream stream) =>
        typeof(SslStream)
            .GetField("_securityContext", BindingFlags.Instance | BindingFlags.NonPublic)
            .ShouldNotBeNull()
            .GetValue(stream)
            .ShouldBeAssignableTo<SafeHandle>()
            .ShouldNotBeNull()
            .DangerousGetHandle();

    [LibraryImport("libssl.so.3", EntryPoint = "SSL_ctrl")]
    private static partial nint Control(nint ssl, int command, nint number, nint pointer);
}
