using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Tests.Transport.Tls;

public sealed class PemFilesTests : IDisposable
{
    private readonly TestAuthority _authority = new();

    public void Dispose() => _authority.Dispose();

    [Fact]
    public void ReadAuthorities_OfALongBundle_ReadsItToItsEnd()
    {
        var one = File.ReadAllText(_authority.CaFile).TrimEnd() + "\n";
        var bundle = Path.Combine(_authority.Folder, "bundle.crt");
        File.WriteAllText(bundle, string.Concat(Enumerable.Repeat(one, 1001)));
        PemFiles.ReadAuthorities(bundle, before: null).Length.ShouldBe(1001 * one.Length);

        File.AppendAllText(bundle, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
        Should
            .Throw<OpenSslException>(() => PemFiles.ReadAuthorities(bundle, before: null))
            .Message.ShouldBe($"{bundle}: certificate 1002 cannot be read");
    }
}
