using System.Text;
using Mooring.Operator.Host;

namespace Mooring.Operator.Tests.Host;

public sealed class ManifestSecretTests : IDisposable
{
    private const string Fleet = """
        apiVersion: mooring.dev/v1alpha1
        kind: ConnectionFleet
        metadata: {name: f}
        spec:
          listeners: [{name: edge, protocol: TCP, port: 9000, backend: b, tls: {certificateRefs: [{name: web}]}}]
          backends: [{name: b, addresses: [{address: '127.0.0.1:1'}]}]

        """;

    private const string Secret = """
        ---
        apiVersion: v1
        kind: Secret
        metadata: {name: web}
        type: kubernetes.io/tls
        data: {tls.crt: Y2VydA==}
        stringData: {tls.key: key}

        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("mooring-secrets-").FullName;

    private SecretFolders Folders => new(Path.Combine(_folder, "state"), Path.Combine(_folder, "given"));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Read_SecretInTheManifest_IsWrittenForThisUserAlone()
    {
        var manifest = await ReadAsync(Fleet + Secret);
        manifest.Errors.ShouldBeEmpty();
        Folders.Write(manifest.Secrets);

        var files = manifest.Fleets[0].Plan.Config.Listeners[0].Tls!.Certificates[0];
        files.CertificateFile.ShouldBe(Path.Combine(_folder, "state", "default", "web", "tls.crt"));
        (await File.ReadAllTextAsync(files.CertificateFile)).ShouldBe("cert");
        (await File.ReadAllTextAsync(files.KeyFile)).ShouldBe("key");
        File.GetUnixFileMode(files.KeyFile).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        manifest.Secrets[0].ToString().ShouldNotContain("key\"");

        Folders.Write([]);
        File.Exists(files.KeyFile).ShouldBeFalse();
    }

    [Fact]
    public async Task Read_SecretInTheFolder_IsUsedWhereItIs()
    {
        var web = Directory.CreateDirectory(Path.Combine(_folder, "given", "web")).FullName;
        (await ReadAsync(Fleet)).Errors.Single().ShouldContain("spec.listeners[0].tls.certificateRefs[0].name: there is no Secret 'web'");
        await File.WriteAllTextAsync(Path.Combine(web, "tls.crt"), "c");
        (await ReadAsync(Fleet)).Errors.Single().ShouldContain($"no tls.key in {web}");
        await File.WriteAllTextAsync(Path.Combine(web, "tls.key"), "k");
        var manifest = await ReadAsync(Fleet);
        manifest.Errors.ShouldBeEmpty();
        manifest.Fleets[0].Plan.Config.Listeners[0].Tls!.Certificates[0].KeyFile.ShouldBe(Path.Combine(web, "tls.key"));
    }

    [Theory]
    [InlineData("tls.crt: Y2VydA==", "tls.crt: '%%'", "data.tls.crt: is not base64")]
    [InlineData("metadata: {name: web}", "metadata: {name: ../web}", "metadata.name")]
    [InlineData("stringData: {tls.key: key}", "stringData: {../tls.key: key}", "'../tls.key' must be")]
    [InlineData("stringData: {tls.key: key}", "stringData: {other: key}", "Secret 'web' of the manifest has no tls.key")]
    public async Task Read_BadSecret_IsRefused(string from, string to, string error) =>
        (await ReadAsync(Fleet + Secret.Replace(from, to, StringComparison.Ordinal))).Errors.ShouldContain(line =>
            line.Contains(error, StringComparison.Ordinal)
        );

    private async Task<HostManifest> ReadAsync(string text)
    {
        var path = Path.Combine(_folder, "fleet.yaml");
        await File.WriteAllBytesAsync(path, Encoding.UTF8.GetBytes(text));
        return await HostManifest.ReadAsync(path, Folders, CancellationToken.None);
    }
}
