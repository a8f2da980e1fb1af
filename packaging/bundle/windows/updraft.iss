; Inno Setup 6: an installer for one person, without an administrator's password. NOT RUN YET: no Windows was at hand.
; windows.py calls ISCC with /DVersion, /DFolder (what build.py made there), /DIcons and /DOut.

[Setup]
AppId=org.updraft.Updraft
AppName=Updraft
AppVersion={#Version}
AppPublisher=The Updraft developers
PrivilegesRequired=lowest
DefaultDirName={localappdata}\Programs\Updraft
DisableProgramGroupPage=yes
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0.17763
LicenseFile={#Folder}\LICENSE
SetupIconFile={#Icons}\updraft.ico
UninstallDisplayIcon={app}\updraft.ico
CloseApplications=yes
Compression=lzma2/max
SolidCompression=yes
OutputDir={#Out}
OutputBaseFilename=updraft-{#Version}-windows-x86_64

[InstallDelete]
; What an earlier version brought and this one does not. Chats, models and settings lie elsewhere.
Type: filesandordirs; Name: "{app}\python"
Type: filesandordirs; Name: "{app}\program"

[Files]
Source: "{#Folder}\*"; DestDir: "{app}"; Flags: recursesubdirs ignoreversion
Source: "{#Icons}\updraft.ico"; DestDir: "{app}"

[Icons]
Name: "{userprograms}\Updraft"; Filename: "{app}\python\pythonw.exe"; Parameters: "-I -B -m app"; WorkingDir: "{%USERPROFILE}"; IconFilename: "{app}\updraft.ico"; AppUserModelID: "org.updraft.Updraft"

[Run]
Filename: "{app}\python\pythonw.exe"; Parameters: "-I -B -m app"; WorkingDir: "{%USERPROFILE}"; Description: "Start Updraft"; Flags: nowait postinstall skipifsilent

[Messages]
UninstalledAll=%1 was removed. Your chats, models and settings stay in the folder Updraft below %%LOCALAPPDATA%%.
